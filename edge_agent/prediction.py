"""What ``predict`` returns, and the identifiers by which truths find their predictions.

An identifier carries what a label needs to be counted: the package, and each row's predicted class
and score. Nothing has to be kept on the device, so a truth may arrive days later, after restarts
and updates, and an application may store identifiers where it likes.
"""

import base64
import binascii
import struct
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.outputs import Decoded

__all__ = ["Prediction", "PredictionId", "parse_id"]

_PREFIX_CHARACTERS: Final = 12
_HEAD: Final = struct.Struct("<QI")


class PredictionId(NamedTuple):
    """A parsed identifier.

    Attributes:
        package: First digits of the package's digest.
        position: Of the call's first row in its ring, unlike in every other call.
        classes: ``float32[rows]``: predicted classes by index.
        scores: ``float32[rows]``: their scores.
    """

    package: str
    position: int
    classes: "NDArray[np.float32]"
    scores: "NDArray[np.float32]"


class Prediction:
    """The answer to one ``predict`` call.

    Attributes:
        labels: Predicted classes as the author wrote them, one per row; ``None`` if the model
            predicts numbers.
        probabilities: ``float32[rows, classes]``; ``None`` where the model gives none.
        values: ``float32[rows]``: predicted numbers; ``None`` if the model predicts classes.
        model: Which version answered: ``digits@1.0.0``.
        digest: Its package.
    """

    __slots__ = ("__dict__", "_decoded", "_position", "digest", "model")

    def __init__(self, decoded: "Decoded", *, model: str, digest: str, position: int) -> None:
        self._decoded = decoded
        self._position = position
        self.model = model
        self.digest = digest

    @property
    def labels(self) -> "NDArray[np.generic] | None":
        """Predicted classes as the author wrote them; ``None`` if the model predicts numbers."""
        return self._decoded.labels

    @property
    def probabilities(self) -> "NDArray[np.float32] | None":
        """``float32[rows, classes]``; ``None`` where the model gives none."""
        return self._decoded.probabilities

    @property
    def values(self) -> "NDArray[np.float32] | None":
        """``float32[rows]``: predicted numbers; ``None`` if the model predicts classes."""
        return self._decoded.values

    @cached_property
    def id(self) -> str:
        """Identifier of the whole call: give it to ``label`` with one truth per row."""
        return self._id(slice(None), self._position)

    @cached_property
    def ids(self) -> list[str]:
        """Identifiers of the single rows."""
        return [self._id(slice(row, row + 1), self._position + row) for row in range(len(self))]

    def __len__(self) -> int:
        """How many rows were predicted."""
        return len(self._decoded.scores)

    def __repr__(self) -> str:
        """Say what was predicted by which version."""
        answer = self.labels if self.labels is not None else self.values
        return f"Prediction({answer!r}, model={self.model!r})"

    def _id(self, rows: slice, position: int) -> str:
        classes = self._decoded.classes[rows].astype("<f4")
        scores = self._decoded.scores[rows].astype("<f4")
        head = _HEAD.pack(position, len(scores))
        packed = base64.urlsafe_b64encode(head + classes.tobytes() + scores.tobytes())
        prefix = self.digest.removeprefix("sha256:")[:_PREFIX_CHARACTERS]
        return f"{prefix}.{packed.decode().rstrip('=')}"


def parse_id(text: str) -> PredictionId:
    """Read an identifier.

    Raises:
        UsageError: It is none that ``predict`` made.
    """
    prefix, _, packed = text.partition(".")
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        position, rows = _HEAD.unpack_from(data)
        numbers = np.frombuffer(data, "<f4", offset=_HEAD.size)
    except (binascii.Error, struct.error, ValueError) as error:
        raise UsageError(f"{text!r:.60} is no prediction id: {error}") from error
    if len(prefix) != _PREFIX_CHARACTERS or len(numbers) != 2 * rows or not rows:
        raise UsageError(f"{text!r:.60} is no prediction id: it is cut off or changed")
    return PredictionId(
        f"sha256:{prefix}",
        position,
        numbers[:rows].astype(np.float32),
        numbers[rows:].astype(np.float32),
    )
