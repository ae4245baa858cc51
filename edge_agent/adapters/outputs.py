"""Turns a model's outputs into predictions: labels, probabilities, values, and what is counted."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import Manifest, OutputRole, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Decoded", "EmbeddingReader", "OutputDecoder"]


_FLOAT: Final = np.dtype(np.float32)
_WHOLE: Final = np.dtype(np.int64)


class Decoded(NamedTuple):
    """One call's predictions.

    Attributes:
        labels: Predicted classes as the author wrote them; ``None`` for other tasks.
        probabilities: ``float32[rows, classes]``; ``None`` where the model gives none.
        values: ``float32[rows]``: predicted numbers, or ``float32[rows, numbers]`` if there are
            several; ``None`` for classifiers.
        classes: ``float32[rows]``: index of the predicted class, NaN for other tasks.
        scores: ``float32[rows]``: its probability, or the (first) predicted number; NaN if there
            is none.
    """

    labels: "NDArray[np.generic] | None"
    probabilities: "NDArray[np.float32] | None"
    values: "NDArray[np.float32] | None"
    classes: "NDArray[np.float32]"
    scores: "NDArray[np.float32]"


class OutputDecoder:
    """Reads the outputs of one model by the roles in its manifest.

    Raises:
        PackageError: It has a threshold and not two classes.
    """

    def __init__(self, manifest: Manifest) -> None:
        roles = [output.role for output in manifest.outputs]
        self._label = _place(roles, OutputRole.LABEL)
        self._probabilities = _place(roles, OutputRole.PROBABILITIES)
        self._value = _place(roles, OutputRole.VALUE)
        self._classifies = manifest.task in (Task.BINARY, Task.MULTICLASS)
        self._threshold = manifest.threshold
        self._count = len(manifest.classes)
        self._index = {label: index for index, label in enumerate(manifest.classes)}
        self._labels_are_indices = list(manifest.classes) == list(range(self._count))
        if self._threshold is not None and self._count != 2:
            raise PackageError(
                f"{manifest.reference} has a threshold for {self._count} classes, which only two "
                "can have; convert it again"
            )
        has_text = any(isinstance(label, str) for label in manifest.classes)
        self._labels = np.asarray(manifest.classes, object if has_text else None)

    def decode(self, outputs: "Sequence[NDArray[np.generic]]", rows: int) -> Decoded:
        """Return the predictions of a call of ``rows`` rows.

        Raises:
            UnavailableError: The model gave another number of rows or classes.
        """
        answer = self._classification if self._classifies else self._number
        decoded = answer(outputs, rows)
        if len(decoded.scores) != rows:
            raise UnavailableError(
                f"the model gave {len(decoded.scores)} predictions for {rows} rows"
            )
        return decoded

    def _classification(self, outputs: "Sequence[NDArray[np.generic]]", rows: int) -> Decoded:
        if self._probabilities is None:
            labels, indices = self._given(outputs)
            none = np.full(len(indices), np.nan, np.float32)
            return Decoded(labels, None, None, indices.astype(_FLOAT), none)
        probabilities = np.asarray(outputs[self._probabilities], _FLOAT)
        if probabilities.ndim != 2 or probabilities.shape[1] != self._count:
            raise UnavailableError(
                f"the model gave probabilities of shape {list(probabilities.shape)} for "
                f"{self._count} classes"
            )
        if self._threshold is not None:
            indices = (probabilities[:, 1] >= self._threshold).astype(np.int64)
            labels = self._labels[indices]
        elif self._label is None:
            indices = probabilities.argmax(axis=1).astype(np.int64, copy=False)
            labels = self._labels[indices]
        else:
            labels, indices = self._given(outputs)
        if len(indices) == 1:  # by far the commonest call, and three times as quick
            index = indices.item()
            if not 0 <= index < self._count:
                index = 0 if index < 0 else self._count - 1
            scores = probabilities[0, index : index + 1]
        else:
            scores = self._scores(probabilities, indices)
        return Decoded(labels, probabilities, None, indices.astype(_FLOAT), scores)

    def _scores(
        self, probabilities: "NDArray[np.float32]", indices: "NDArray[np.int64]"
    ) -> "NDArray[np.float32]":
        """Return each row's probability of its class; of the nearest one if there is no such."""
        if len(indices) != len(probabilities):
            raise UnavailableError(
                f"the model gave {len(indices)} labels and {len(probabilities)} rows of "
                "probabilities"
            )
        places = np.minimum(np.maximum(indices, 0), self._count - 1)
        places += np.arange(0, probabilities.size, self._count)  # a fifth of take_along_axis
        return probabilities.ravel().take(places)

    def _given(
        self, outputs: "Sequence[NDArray[np.generic]]"
    ) -> "tuple[NDArray[np.generic], NDArray[np.int64]]":
        """Return the labels that the model gives, and their indices; -1 for unknown ones."""
        if self._label is None:
            raise UnavailableError("the model gives neither labels nor probabilities")
        labels = outputs[self._label]
        if labels.ndim != 1:
            labels = labels.reshape(-1)
        if self._labels_are_indices and labels.dtype.kind in "iu":
            return labels, np.asarray(labels, _WHOLE)
        known = self._index
        return labels, np.array([known.get(label, -1) for label in labels.tolist()], np.int64)

    def _number(self, outputs: "Sequence[NDArray[np.generic]]", rows: int) -> Decoded:
        none = np.full(rows, np.nan, np.float32)
        if self._value is None:
            return Decoded(None, None, None, none, none)
        found = outputs[self._value].astype(np.float32, copy=False)
        values = found.reshape(len(found), -1) if found.ndim else found.reshape(1, 1)
        single = values[:, 0]
        return Decoded(None, None, single if values.shape[1] == 1 else values, none, single)


class EmbeddingReader:
    """Finds the vectors that stand for the rows among a model's outputs.

    Args:
        manifest: Of the model; one of its outputs is an embedding.
        components: How many the reference counts.
    """

    def __init__(self, manifest: Manifest, components: int) -> None:
        self._place = [output.role for output in manifest.outputs].index(OutputRole.EMBEDDING)
        self._components = components

    def read(self, outputs: "Sequence[NDArray[np.generic]]") -> "NDArray[np.float32]":
        """Return ``float32[rows, components]``.

        Raises:
            UnavailableError: The model gave another number of components.
        """
        found = outputs[self._place]
        vectors: NDArray[np.float32] = found.reshape(len(found), -1).astype(_FLOAT, copy=False)
        if vectors.shape[1] != self._components:
            raise UnavailableError(
                f"the model gave an embedding of {vectors.shape[1]} components, the reference has "
                f"{self._components}"
            )
        return vectors


def _place(roles: Sequence[OutputRole], role: OutputRole) -> int | None:
    return roles.index(role) if role in roles else None
