"""What came true: confusion counts and calibration, from predictions whose label arrived."""

from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.pairs import ClassPairs, pairs_state, read_pairs, valid_pair
from edge_contract.stats.sparse import added

__all__ = ["CALIBRATION_BINS", "CalibrationBin", "Labels", "LabelsSpec"]

CALIBRATION_BINS: Final = 16


@register
@dataclass(frozen=True, slots=True)
class LabelsSpec:
    """How many classes there are.

    Attributes:
        classes: Their number; labels are indices below it.
    """

    kind: ClassVar[str] = "labels"
    arity: ClassVar[int] = 3

    classes: int = 2

    def empty(self) -> "Labels":
        """Return counts of nothing."""
        return Labels(self)

    def decode(self, state: object) -> "Labels":
        """Rebuild counts; raises ``MessageError`` for impossible ones."""
        reader = state_reader(state, self.kind)
        bins: dict[int, CalibrationBin] = {}
        for item in reader[2].items(max_length=CALIBRATION_BINS):
            count = item[1].integer(low=1)
            lowest = max(bins, default=-1) + 1
            bins[item[0].integer(low=lowest, high=CALIBRATION_BINS - 1)] = CalibrationBin(
                count,
                item[2].number(low=0.0, high=count),
                item[3].integer(low=0, high=count),
            )
        return Labels(
            self,
            unknown=reader[0].integer(low=0),
            confusion=read_pairs(reader[1], classes=self.classes),
            calibration=bins,
        )

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {"classes": self.classes}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        return cls(classes=reader["classes"].integer(low=1, high=100_000))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return a binary one and one of three classes."""
        return (cls(2), cls(3))


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Labelled predictions whose probability lay in one sixteenth of 0 to 1.

    Attributes:
        count: How many.
        probability_sum: Sum of the probabilities of the predicted classes.
        correct: How many predictions were right.
    """

    count: int = 0
    probability_sum: float = 0.0
    correct: int = 0

    def merged(self, other: "CalibrationBin") -> "CalibrationBin":
        """Return the sums of both."""
        return CalibrationBin(
            self.count + other.count,
            self.probability_sum + other.probability_sum,
            self.correct + other.correct,
        )


@dataclass(slots=True)
class Labels:
    """Counts of (predicted class, true class, probability of the predicted class).

    Attributes:
        spec: How many classes there are.
        unknown: Labels or predictions that are no class of the model.
        confusion: Counts by ``predicted * classes + true``.
        calibration: By probability bin; predictions without a probability are in none.
    """

    spec: LabelsSpec
    unknown: int = 0
    confusion: ClassPairs = field(default_factory=dict)
    calibration: dict[int, CalibrationBin] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Labels seen."""
        return self.unknown + sum(self.confusion.values())

    @property
    def correct(self) -> int:
        """Labels that equal the prediction."""
        step = self.spec.classes + 1
        return sum(count for key, count in self.confusion.items() if key % step == 0)

    def observe(self, row: Sequence[float]) -> None:
        """Add one (predicted class, true class, probability or NaN)."""
        predicted, truth, probability = row
        key = valid_pair(predicted, truth, classes=self.spec.classes)
        if key is None:
            self.unknown += 1
            return
        self.confusion[key] = self.confusion.get(key, 0) + 1
        if 0.0 <= probability <= 1.0001:
            bin_index = min(int(probability * CALIBRATION_BINS), CALIBRATION_BINS - 1)
            one = CalibrationBin(1, min(probability, 1.0), int(predicted == truth))
            self.calibration[bin_index] = self.calibration.get(bin_index, CalibrationBin()).merged(
                one
            )

    def merged(self, other: Self) -> Self:
        """Return the counts of both streams."""
        require_same_spec(self.spec, other.spec)
        bins = sorted(self.calibration.keys() | other.calibration.keys())
        none = CalibrationBin()
        return type(self)(
            self.spec,
            unknown=self.unknown + other.unknown,
            confusion=added(self.confusion, other.confusion),
            calibration={
                b: self.calibration.get(b, none).merged(other.calibration.get(b, none))
                for b in bins
            },
        )

    def to_state(self) -> State:
        """Return ``[unknown, pairs, [[bin, count, probability sum, correct], ...]]``."""
        return [
            self.unknown,
            pairs_state(self.confusion),
            [
                [key, found.count, found.probability_sum, found.correct]
                for key, found in sorted(self.calibration.items())
            ],
        ]
