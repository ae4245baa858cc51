"""How often each class is expected to be predicted rightly, and to be true at all.

A histogram of the predicted class's probability cannot say which class a wrong prediction should
have been. So a model of several classes is also counted by what all its probabilities of a row are
worth: each is looked up in a table that the reference's labels gave (one curve per class, against
all others), and the worths of a row are scaled to add up to one. Summed over rows, these *shares*
are the expected confusion of the rule that calibrates row by row, with no error from binning its
result. The bins of the classes that were not predicted give the area under the ROC curve.

All arithmetic is on whole numbers: every kernel gives the same sums, and merging loses nothing.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.pairs import is_class
from edge_contract.stats.probabilities import BINS, fine_bin, fine_edge
from edge_contract.stats.sparse import added, read_sparse, sparse_state

__all__ = [
    "MAX_CLASSES",
    "SHARES",
    "WORTH_BINS",
    "ClassProbabilities",
    "ClassProbabilitiesSpec",
    "worth_bin",
    "worth_middle",
]

MAX_CLASSES: Final = 32
"""Models of more classes are counted by their predicted class alone: rows would get too wide."""

SHARES: Final = 1 << 16
"""So many shares are one row."""


WORTH_BINS: Final = 2 * BINS
"""Bins of the tables."""


def worth_bin(probability: float) -> int:
    """Return the bin of a table, 0 to 127, of a probability; narrow near 0 and near 1."""
    if probability < 0.5:
        return fine_bin(2.0 * probability)
    return WORTH_BINS - 1 - fine_bin(max(2.0 * (1.0 - probability), 0.0))


def worth_middle(index: int) -> float:
    """Return the probability in the middle of a bin of a table."""
    place = min(index, WORTH_BINS - 1 - index)
    part = (fine_edge(place) + fine_edge(place + 1)) / 4.0
    return part if index < BINS else 1.0 - part


@register
@dataclass(frozen=True, slots=True)
class ClassProbabilitiesSpec:
    """What probabilities are worth.

    Attributes:
        worths: Per class and :func:`worth_bin`, how often the class is true there, in shares.
    """

    kind: ClassVar[str] = "class_probabilities"

    worths: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if not 2 <= len(self.worths) <= MAX_CLASSES or any(
            len(bins) != WORTH_BINS or min(bins) < 0 or max(bins) > SHARES for bins in self.worths
        ):
            raise UsageError(
                f"worths of probabilities are tables of {WORTH_BINS} numbers from 0 to {SHARES} "
                f"for 2 to {MAX_CLASSES} classes, got {self.worths!r:.200}"
            )

    @property
    def arity(self) -> int:
        """The predicted class and a probability for each class."""
        return 1 + len(self.worths)

    def shares(self, bins: Sequence[int]) -> list[int]:
        """Return what a row's probabilities are worth together: about one row in all.

        Args:
            bins: By class.
        """
        worths = [table[place] for table, place in zip(self.worths, bins, strict=True)]
        total = sum(worths)
        if not total:
            return [SHARES // len(worths)] * len(worths)
        return [(worth * SHARES + total // 2) // total for worth in worths]

    def empty(self) -> "ClassProbabilities":
        """Return sums of nothing."""
        none = [0] * len(self.worths)
        return ClassProbabilities(self, right=none, expected=list(none))

    def decode(self, state: object) -> "ClassProbabilities":
        """Rebuild sums; raises ``MessageError`` for those that no stream can have."""
        reader = state_reader(state, self.kind)
        size = len(self.worths)
        rows = reader[1].integer(low=0)
        right = _sums(reader[2], size=size, high=rows * SHARES)
        expected = _sums(reader[3], size=size, high=rows * SHARES)
        rivals: dict[int, dict[int, int]] = {}
        for item in reader[4].items(max_length=size):
            rival = item[0].integer(low=max(rivals, default=-1) + 1, high=size - 1)
            rivals[rival] = read_sparse(item[1], low=0, high=BINS - 1)
        others = [sum(rivals.get(rival, {}).values()) for rival in range(size)]
        if sum(others) != rows * (size - 1) or any(count > rows for count in others):
            raise reader[4].refused(f"{size - 1} classes that are not predicted in each row")
        for k, hits in enumerate(right):
            if not hits <= min(expected[k], (rows - others[k]) * SHARES):
                raise reader[2].refused("no more right ones than expected or predicted")
        return ClassProbabilities(
            self,
            invalid=reader[0].integer(low=0),
            rows=rows,
            right=right,
            expected=expected,
            rivals=rivals,
        )

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {"worths": [list(bins) for bins in self.worths]}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        tables = reader["worths"].items(max_length=MAX_CLASSES)
        try:
            return cls(tuple(tuple(item.integers(max_length=WORTH_BINS)) for item in tables))
        except (UsageError, ValueError) as error:
            raise reader.refused(str(error)) from error

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return one that believes the model, and one with a class that is never true."""
        plain = tuple(round(worth_middle(place) * SHARES) for place in range(WORTH_BINS))
        return (cls((plain, plain, plain)), cls((plain, (0,) * WORTH_BINS)))


@dataclass(slots=True)
class ClassProbabilities:
    """Sums over rows of (predicted class, probability of each class).

    Attributes:
        spec: What probabilities are worth.
        invalid: Rows whose class is unknown or with a probability that is not in 0 to 1.
        rows: All others.
        right: Per predicted class, the shares of that class: expected right predictions.
        expected: Per class, the shares of all rows: how often it is expected to be true.
        rivals: Per class, the rows in which another one was predicted, by :func:`fine_bin` of its
            probability.
    """

    spec: ClassProbabilitiesSpec
    invalid: int = 0
    rows: int = 0
    right: list[int] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    rivals: dict[int, dict[int, int]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Rows seen, invalid ones included."""
        return self.invalid + self.rows

    def observe(self, row: Sequence[float]) -> None:
        """Add one row; rounding errors above 1 are forgiven."""
        predicted, *probabilities = row
        if not is_class(predicted, classes=len(probabilities)) or not all(
            0 <= p <= 1.0001 for p in probabilities
        ):
            self.invalid += 1
            return
        bins = [worth_bin(p) for p in probabilities]
        shares = self.spec.shares(bins)
        index = int(predicted)
        self.rows += 1
        self.right[index] += shares[index]
        self.expected = [a + b for a, b in zip(self.expected, shares, strict=True)]
        for rival, probability in enumerate(probabilities):
            if rival != index:
                counts = self.rivals.setdefault(rival, {})
                place = fine_bin(min(probability, 1.0))
                counts[place] = counts.get(place, 0) + 1

    def merged(self, other: Self) -> Self:
        """Return the sums of both streams."""
        require_same_spec(self.spec, other.spec)
        rivals = sorted(self.rivals.keys() | other.rivals.keys())
        return type(self)(
            self.spec,
            invalid=self.invalid + other.invalid,
            rows=self.rows + other.rows,
            right=[a + b for a, b in zip(self.right, other.right, strict=True)],
            expected=[a + b for a, b in zip(self.expected, other.expected, strict=True)],
            rivals={k: added(self.rivals.get(k, {}), other.rivals.get(k, {})) for k in rivals},
        )

    def to_state(self) -> State:
        """Return ``[invalid, rows, right, expected, [[class, [gaps, counts]], ...]]``."""
        return [
            self.invalid,
            self.rows,
            list(self.right),
            list(self.expected),
            [[rival, sparse_state(self.rivals[rival])] for rival in sorted(self.rivals)],
        ]


def _sums(reader: Reader, *, size: int, high: int) -> list[int]:
    sums = [item.integer(low=0, high=high) for item in reader.items(max_length=size)]
    if len(sums) != size:
        raise reader.refused(f"{size} sums")
    return sums
