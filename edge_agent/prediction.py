"""What ``predict`` returns, and the identifiers by which truths find their predictions.

An identifier carries what a label needs to be counted: the package, a number that no other call
has, and each row's predicted class and score. Nothing has to be kept on the device, so a truth may
arrive days later, after restarts and updates, and an application may store identifiers where it
likes. A checksum tells one that was cut off or mistyped; it keeps nobody from making one up.
"""

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_contract.errors import UsageError
from edge_contract.prediction_id import PREFIX_CHARACTERS, read_id, written_id
from edge_contract.records import dataclass

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edge_agent.adapters.outputs import Decoded
    from edge_agent.adapters.row_memory import RowLayout
    from edge_agent.ports import Tensor
    from edge_contract.package import Manifest

__all__ = ["Answer", "Origin", "Prediction", "PredictionId", "parse_id"]

_NUMBER_BYTES: Final = 7
_DRAWN_AT_ONCE: Final = 256
_FLOAT: Final = np.dtype("<f4")


class PredictionId(NamedTuple):
    """A parsed identifier.

    Attributes:
        package: First digits of the package's digest.
        number: Of the first row; the others follow. No two rows of a device have the same.
        classes: ``float32[rows]``: predicted classes by index.
        scores: ``float32[rows]``: their scores.
    """

    package: str
    number: int
    classes: "NDArray[np.float32]"
    scores: "NDArray[np.float32]"


class Answer(NamedTuple):
    """What a call gave.

    Attributes:
        decoded: Its predictions.
        tensors: The model's outputs, in the order of its manifest.
    """

    decoded: "Decoded"
    tensors: "Sequence[Tensor]" = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """Which version answered.

    Attributes:
        model: As people name it: ``digits@1.0.0``.
        digest: Its package.
        manifest: What it takes and gives; ``None`` if nobody said.
        row: Where its answers to single rows stand in memory; ``None`` if they come as arrays.
        post: Makes ``result`` of a prediction; ``None`` if the package asks for nothing.
    """

    model: str
    digest: str
    manifest: "Manifest | None" = None
    row: "RowLayout | None" = None
    post: "Callable[[Prediction], object] | None" = None


class Prediction:
    """The answer to one ``predict`` call.

    Attributes:
        labels: Predicted classes as the author wrote them, one per row; ``None`` if the model
            predicts numbers.
        probabilities: ``float32[rows, classes]``; ``None`` where the model gives none.
        values: ``float32[rows]``: predicted numbers, or ``float32[rows, numbers]`` if there are
            several for each row; ``None`` if the model predicts classes.
        model: Which version answered: ``digits@1.0.0``.
        digest: Its package.
        manifest: What that version takes and gives; ``None`` if nobody said.
        tensors: Everything that the model gave, as it gave it, in the order of its manifest.
    """

    __slots__ = ("__dict__", "_answer", "_origin")

    def __init__(self, answer: "Answer | bytearray | Sequence[Tensor]", origin: Origin) -> None:
        """Keep an answer, or what it is made of when somebody asks.

        Args:
            answer: Of a single row it may come as bytes of ``origin.row``, of several as the
                outputs of the model.
            origin: Which version answered.
        """
        self._answer = answer
        self._origin = origin

    @property
    def model(self) -> str:
        """Which version answered: ``digits@1.0.0``."""
        return self._origin.model

    @property
    def digest(self) -> str:
        """The package of the version that answered."""
        return self._origin.digest

    @property
    def manifest(self) -> "Manifest | None":
        """What the version that answered takes and gives; ``None`` if nobody said."""
        return self._origin.manifest

    @property
    def tensors(self) -> "Sequence[Tensor]":
        """Everything that the model gave, as it gave it, in the order of its manifest."""
        return self._read().tensors

    @property
    def labels(self) -> "NDArray[np.generic] | None":
        """Predicted classes as the author wrote them; ``None`` if the model predicts numbers."""
        return self._read().decoded.labels

    @property
    def probabilities(self) -> "NDArray[np.float32] | None":
        """``float32[rows, classes]``; ``None`` where the model gives none."""
        return self._read().decoded.probabilities

    @property
    def values(self) -> "NDArray[np.float32] | None":
        """Predicted numbers; ``None`` if the model predicts classes."""
        return self._read().decoded.values

    @cached_property
    def result(self) -> object:
        """What the package's postprocessing makes of this prediction; ``None`` without any.

        Computed when it is asked for first. Raises ``UnavailableError`` if that fails.
        """
        post = self._origin.post
        return None if post is None else post(self)

    def ids_of(self, counts: Sequence[int]) -> list[str]:
        """Return an identifier for so many rows after so many, each as if of a call of its own.

        For callers that predict the rows of several others in one call.
        """
        prefix, (classes, scores) = self._prefix, map(_raw, self.counted)
        found: list[str] = []
        first = 0
        for count in counts:
            end = first + _FLOAT.itemsize * count
            found.append(written_id(prefix, _drawn(), classes[first:end] + scores[first:end]))
            first = end
        return found

    @property
    def id(self) -> str:
        """Identifier of the whole call: give it to ``label`` with one truth per row."""
        decoded = self._read().decoded
        return self._id(decoded.classes, decoded.scores, self._number)

    @cached_property
    def ids(self) -> list[str]:
        """Identifiers of the single rows."""
        (_, _, _, classes, scores), first = self._read().decoded, self._number
        return [
            self._id(classes[row : row + 1], scores[row : row + 1], first + row)
            for row in range(len(self))
        ]

    def row_id(self, row: int) -> str:
        """Return the identifier of one row."""
        _, _, _, classes, scores = self._read().decoded
        return self._id(classes[row : row + 1], scores[row : row + 1], self._number + row)

    @property
    def counted(self) -> "tuple[NDArray[np.float32], NDArray[np.float32]]":
        """``float32[rows]`` twice: predicted classes by index and their scores, as counted."""
        decoded = self._read().decoded
        return decoded.classes, decoded.scores

    def settle(self) -> "Prediction":
        """Return this prediction, whose identifiers are the same for all threads from now on."""
        _ = self._number
        return self

    def __len__(self) -> int:
        """How many rows were predicted."""
        return len(self._read().decoded.scores)

    def __repr__(self) -> str:
        """Say what was predicted by which version."""
        answer = self.labels if self.labels is not None else self.values
        return f"Prediction({answer!r}, model={self.model!r})"

    def _read(self) -> Answer:
        answer, row = self._answer, self._origin.row
        if isinstance(answer, Answer):
            return answer
        if row is None:
            raise UsageError(f"nobody said how answers of {self.model} stand in memory")
        if isinstance(answer, bytearray):
            found = Answer(*row.read(answer))
        else:
            found = Answer(row.decoder.decode(answer, len(answer[0])), answer)
        self._answer = found
        return found

    @cached_property
    def _number(self) -> int:
        """Drawn when it is asked for; chance keeps it apart from all others, reboots included."""
        return _drawn()

    def _id(
        self, classes: "NDArray[np.float32]", scores: "NDArray[np.float32]", number: int
    ) -> str:
        return written_id(self._prefix, number, _raw(classes) + _raw(scores))

    @property
    def _prefix(self) -> str:
        return self.digest.removeprefix("sha256:")[:PREFIX_CHARACTERS]


def parse_id(text: str) -> PredictionId:
    """Read an identifier.

    Raises:
        UsageError: It is none that ``predict`` made.
    """
    package, number, classes, scores = read_id(text)
    return PredictionId(
        package, number, np.array(classes, np.float32), np.array(scores, np.float32)
    )


def _raw(numbers: "NDArray[np.float32]") -> bytes:
    return numbers.astype(_FLOAT, copy=False).tobytes()


def _drawn() -> int:
    """Return a number by chance; many are drawn at once, for each time is a system call."""
    try:
        return _numbers.pop()
    except IndexError:
        drawn = os.urandom(_NUMBER_BYTES * _DRAWN_AT_ONCE)
        numbers = [
            int.from_bytes(drawn[place : place + _NUMBER_BYTES])
            for place in range(0, len(drawn), _NUMBER_BYTES)
        ]
        _numbers.extend(numbers[1:])
        return numbers[0]


_numbers: Final[list[int]] = []
if hasattr(os, "register_at_fork"):  # a child must not use its parent's
    os.register_at_fork(after_in_child=_numbers.clear)
