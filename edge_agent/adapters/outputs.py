"""Turns a model's outputs into predictions: labels, probabilities, values, and what is counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edge_contract.errors import UnavailableError
from edge_contract.package import Manifest, OutputRole, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Decoded", "OutputDecoder"]


class Decoded(NamedTuple):
    """One call's predictions.

    Attributes:
        labels: Predicted classes as the author wrote them; ``None`` for other tasks.
        probabilities: ``float32[rows, classes]``; ``None`` where the model gives none.
        values: ``float32[rows]``: predicted numbers; ``None`` for classifiers.
        classes: ``float32[rows]``: index of the predicted class, NaN for other tasks.
        scores: ``float32[rows]``: its probability, or the predicted number.
    """

    labels: "NDArray[np.generic] | None"
    probabilities: "NDArray[np.float32] | None"
    values: "NDArray[np.float32] | None"
    classes: "NDArray[np.float32]"
    scores: "NDArray[np.float32]"


class OutputDecoder:
    """Reads the outputs of one model by the roles in its manifest."""

    def __init__(self, manifest: Manifest) -> None:
        roles = [output.role for output in manifest.outputs]
        self._places = {role: roles.index(role) for role in set(roles)}
        self._classifies = manifest.task in (Task.BINARY, Task.MULTICLASS)
        self._threshold = manifest.threshold
        self._index = {label: index for index, label in enumerate(manifest.classes)}
        plain = list(manifest.classes) == list(range(len(manifest.classes)))
        self._labels_are_indices = plain
        self._labels = np.asarray(manifest.classes, object if self._has_text(manifest) else None)

    def decode(self, outputs: "Sequence[NDArray[np.generic]]", rows: int) -> Decoded:
        """Return the predictions of a call of ``rows`` rows.

        Raises:
            UnavailableError: The model gave another number of rows.
        """
        decoded = (
            self._classification(outputs, rows) if self._classifies else self._number(outputs, rows)
        )
        if len(decoded.scores) != rows:
            raise UnavailableError(
                f"the model gave {len(decoded.scores)} predictions for {rows} rows"
            )
        return decoded

    def _classification(self, outputs: "Sequence[NDArray[np.generic]]", rows: int) -> Decoded:
        probabilities: NDArray[np.float32] | None = None
        if OutputRole.PROBABILITIES in self._places:
            found = outputs[self._places[OutputRole.PROBABILITIES]]
            probabilities = found.astype(np.float32, copy=False).reshape(len(found), -1)
        indices = self._indices(outputs, probabilities)
        if OutputRole.LABEL in self._places and self._threshold is None:
            labels = outputs[self._places[OutputRole.LABEL]].reshape(-1)
        else:
            labels = self._labels[indices]
        if probabilities is None:
            scores = np.full(len(indices), np.nan, np.float32)
        elif len(indices) == 1:
            scores = probabilities[0, np.maximum(indices, 0)]
        else:
            scores = probabilities[np.arange(len(indices)), np.maximum(indices, 0)]
        return Decoded(labels, probabilities, None, indices.astype(np.float32), scores)

    def _indices(
        self,
        outputs: "Sequence[NDArray[np.generic]]",
        probabilities: "NDArray[np.float32] | None",
    ) -> "NDArray[np.int64]":
        if probabilities is not None and self._threshold is not None:
            return (probabilities[:, 1] >= self._threshold).astype(np.int64)
        if OutputRole.LABEL not in self._places:
            if probabilities is None:
                raise UnavailableError("the model gave neither labels nor probabilities")
            likeliest: NDArray[np.int64] = np.argmax(probabilities, axis=1).astype(np.int64)
            return likeliest
        labels = outputs[self._places[OutputRole.LABEL]].reshape(-1)
        if self._labels_are_indices and labels.dtype.kind in "iu":
            return labels.astype(np.int64, copy=False)
        return np.array([self._index.get(label, -1) for label in labels.tolist()], np.int64)

    def _number(self, outputs: "Sequence[NDArray[np.generic]]", rows: int) -> Decoded:
        none = np.full(rows, np.nan, np.float32)
        if OutputRole.VALUE not in self._places:
            return Decoded(None, None, None, none, none)
        found = outputs[self._places[OutputRole.VALUE]].astype(np.float32, copy=False)
        values = found.reshape(len(found), -1)
        single = values[:, 0]
        return Decoded(None, None, single if values.shape[1] == 1 else values, none, single)

    @staticmethod
    def _has_text(manifest: Manifest) -> bool:
        return any(isinstance(label, str) for label in manifest.classes)
