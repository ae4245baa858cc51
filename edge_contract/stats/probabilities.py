"""Histogram of the predicted probability, per predicted class.

From it and the reference's calibration the cloud estimates quality without labels (confidence-based
performance estimation, CBPE, as NannyML describes it). Its bins are narrow where models are sure:
between 0.99 and 0.9999 lies much of what tells a good model from a better one.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import MAX_INTEGER, JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field, replace
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.pairs import is_class
from edge_contract.stats.sparse import (
    add_sparse,
    added,
    checked_total,
    read_sparse,
    sparse_state,
)

__all__ = ["BINS", "Probabilities", "ProbabilitiesSpec", "fine_bin", "fine_edge"]

BINS: Final = 64


def fine_bin(part: float) -> int:
    """Return the bin, 0 to 63, of a number from 0 to 1; bins are the narrower the nearer to 0.

    They are even in the mean of the number's square root and its fourth root: no other functions
    that bend so much give the same result on every machine.
    """
    root = math.sqrt(part)
    return min(int((root + math.sqrt(root)) * (BINS / 2)), BINS - 1)


def fine_edge(index: int) -> float:
    """Return where a bin of :func:`fine_bin` begins; that of 64 is where the last one ends."""
    fourth_root = (math.sqrt(1.0 + 8.0 * index / BINS) - 1.0) / 2.0
    return min(fourth_root**4, 1.0)


@register
@dataclass(frozen=True, slots=True)
class ProbabilitiesSpec:
    """Where the 64 bins of each class lie.

    The bins of class ``k`` span ``lows[k]`` to 1: the range that the probability of a predicted
    class can have. A decision threshold is therefore always a bin edge. Below 1 they are narrowest.

    Attributes:
        lows: Per class, the smallest probability with which it is predicted; 0 to below 1.
    """

    kind: ClassVar[str] = "probabilities"
    arity: ClassVar[int] = 2

    lows: tuple[float, ...] = (0.5, 0.5)

    def __post_init__(self) -> None:
        if not self.lows or not all(0.0 <= low <= 0.999 for low in self.lows):
            raise UsageError(
                f"lower ends of probability bins must be from 0 to 0.999, got {self.lows}"
            )

    @classmethod
    def for_classes(cls, classes: int, *, threshold: float | None = None) -> Self:
        """Return the spec of a classifier.

        Args:
            classes: How many classes it knows, 1 or more.
            threshold: With two classes, the probability of the second one from which it is
                predicted; without it, the likelier class is.
        """
        if classes == 2 and threshold is not None:
            return cls((_clamped(1.0 - threshold), _clamped(threshold)))
        return cls((_clamped(1.0 / classes),) * classes)

    def bin_of(self, predicted: int, probability: float) -> int:
        """Return the bin, 0 to 63; what lies outside the range is in the outermost bin."""
        part = (1.0 - probability) / (1.0 - self.lows[predicted])
        return BINS - 1 - fine_bin(min(max(part, 0.0), 1.0))

    def edges_of(self, predicted: int, bin_index: int) -> tuple[float, float]:
        """Return the probabilities between which a bin lies."""
        span = 1.0 - self.lows[predicted]
        place = BINS - 1 - bin_index
        return 1.0 - span * fine_edge(place + 1), 1.0 - span * fine_edge(place)

    def middle_of(self, predicted: int, bin_index: int) -> float:
        """Return the probability in the middle of a bin."""
        low, high = self.edges_of(predicted, bin_index)
        return (low + high) / 2.0

    def empty(self) -> "Probabilities":
        """Return a histogram of nothing."""
        return Probabilities(self)

    def decode(self, state: object) -> "Probabilities":
        """Rebuild a histogram; raises ``MessageError`` for impossible counts or sums."""
        reader = state_reader(state, self.kind)
        counts: dict[int, dict[int, int]] = {}
        sums: dict[int, float] = {}
        for item in reader[1].items(max_length=len(self.lows)):
            predicted = item[0].integer(low=max(counts, default=-1) + 1, high=len(self.lows) - 1)
            counts[predicted] = read_sparse(item[2], low=0, high=BINS - 1)
            size = sum(counts[predicted].values())
            sums[predicted] = item[1].number(low=0.0, high=size)
        return Probabilities(self, invalid=reader[0].integer(low=0), counts=counts, sums=sums)

    def check(self, state: object) -> int:
        """Return the observations of a state; raises what :meth:`decode` would raise."""
        found = self._quick_count(state)
        return self.decode(state).count if found is None else found

    def _quick_count(self, state: object) -> int | None:
        if type(state) is not list or len(state) != 2 or type(state[1]) is not list:
            return None
        total, before = state[0], -1
        if type(total) is not int or not 0 <= total <= MAX_INTEGER:
            return None
        for item in state[1]:
            if type(item) is not list or len(item) != 3:
                return None
            predicted, part, bins = item
            if type(predicted) is not int or not before < predicted < len(self.lows):
                return None
            size = checked_total(bins, low=0, high=BINS - 1)
            if size is None or type(part) is not float or not 0.0 <= part <= size:
                return None
            total += size
            before = predicted
        return total

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {"lows": list(self.lows)}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        try:
            return cls(tuple(item.number() for item in reader["lows"].items()))
        except UsageError as error:
            raise reader.refused(str(error)) from error

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return a binary one with a threshold and one of three classes."""
        return (cls.for_classes(2, threshold=0.3), cls.for_classes(3))


@dataclass(slots=True)
class Probabilities:
    """Counts of (predicted class, probability of that class).

    Attributes:
        spec: The bins.
        invalid: Predictions whose class is unknown or whose probability is not in 0 to 1.
        counts: Per predicted class, predictions by bin.
        sums: Per predicted class, the sum of the probabilities.
    """

    spec: ProbabilitiesSpec
    invalid: int = 0
    counts: dict[int, dict[int, int]] = field(default_factory=dict)
    sums: dict[int, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Predictions seen, invalid ones included."""
        return self.invalid + sum(sum(bins.values()) for bins in self.counts.values())

    def observe(self, row: Sequence[float]) -> None:
        """Add one (predicted class, probability); rounding errors above 1 are forgiven."""
        predicted, probability = row
        if not is_class(predicted, classes=len(self.spec.lows)) or not 0 <= probability <= 1.0001:
            self.invalid += 1
            return
        index = int(predicted)
        bins = self.counts.setdefault(index, {})
        bin_index = self.spec.bin_of(index, probability)
        bins[bin_index] = bins.get(bin_index, 0) + 1
        self.sums[index] = self.sums.get(index, 0.0) + min(probability, 1.0)

    def merged(self, other: Self) -> Self:
        """Return the histogram of both streams."""
        require_same_spec(self.spec, other.spec)
        classes = sorted(self.counts.keys() | other.counts.keys())
        return type(self)(
            self.spec,
            invalid=self.invalid + other.invalid,
            counts={k: added(self.counts.get(k, {}), other.counts.get(k, {})) for k in classes},
            sums={k: self.sums.get(k, 0.0) + other.sums.get(k, 0.0) for k in classes},
        )

    def absorb(self, state: list[JsonValue]) -> None:
        """Add a state that was checked, in place."""
        match state:
            case [int(invalid), list(classes)]:
                self.invalid += invalid
            case _:
                raise UsageError("a histogram can only absorb a state that was checked")
        for item in classes:
            match item:
                case [int(predicted), int() | float() as part, [list(gaps), list(numbers)]]:
                    add_sparse(self.counts.setdefault(predicted, {}), gaps, numbers)
                    self.sums[predicted] = self.sums.get(predicted, 0.0) + part

    def to_state(self) -> State:
        """Return ``[invalid, [[class, sum, [gaps, counts]], ...]]``."""
        return [
            self.invalid,
            [[k, self.sums[k], sparse_state(self.counts[k])] for k in sorted(self.counts)],
        ]

    def brief(self) -> Self:
        """Return the same with sums of 8 significant digits; doing it again changes nothing."""
        sums = {
            k: min(float(f"{total:.8g}"), float(sum(self.counts[k].values())))
            for k, total in self.sums.items()
        }
        return replace(self, sums=sums)


def _clamped(low: float) -> float:
    return min(max(low, 0.0), 0.999)
