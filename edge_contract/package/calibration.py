"""What predictions were worth on the rows whose truth the author knew."""

from typing import TYPE_CHECKING, Final, Self, TypeAlias

from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.probabilities import BINS

if TYPE_CHECKING:
    from edge_contract.package.error_model import ErrorModel

__all__ = ["Calibration", "CountTable", "HitTable"]

CountTable: TypeAlias = tuple[tuple[int, ...], ...]
"""Counts by class and bin."""

HitTable: TypeAlias = tuple[tuple[float, ...], ...]
"""How many of them came true; whole numbers, or what a curve through all labels makes of them."""

_ROUNDING: Final = 1e-3


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often predictions with a given probability were right, on held-out rows.

    Attributes:
        rows: Per predicted class and bin of :class:`ProbabilitiesSpec`, labelled rows.
        correct: Of those, the ones that were predicted right, calibrated row by row and summed:
            that differs from counting them only by being smoother.
        rival_rows: Of more than two classes: per class and :func:`fine_bin` of its probability,
            labelled rows in which another class was predicted.
        rival_true: Of those, the ones in which it was the truth after all, by the same rule.
        errors: Of a regression: where errors were large.
    """

    rows: CountTable = ()
    correct: HitTable = ()
    rival_rows: CountTable = ()
    rival_true: HitTable = ()
    errors: "ErrorModel | None" = field(default=None)

    def __bool__(self) -> bool:
        """Whether there were labels at all."""
        return self.errors is not None or any(any(bins) for bins in self.rows)

    def to_json(self) -> JsonObject:
        """Return the tables by name."""
        fields: dict[str, JsonValue] = {
            name: [[_short(number) for number in bins] for bins in table]
            for name, table in (
                ("rows", self.rows),
                ("correct", self.correct),
                ("rival_rows", self.rival_rows),
                ("rival_true", self.rival_true),
            )
        }
        return {**fields, "errors": None if self.errors is None else self.errors.to_json()}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the tables; raises the reader's error."""
        rows, correct = _tables(reader, "rows", "correct")
        rival_rows, rival_true = _tables(reader, "rival_rows", "rival_true")
        if rival_rows and len(rival_rows) != len(rows):
            raise reader["rival_rows"].refused(f"tables of {len(rows)} classes, or none")
        errors = None
        if not reader["errors"].is_null:
            from edge_contract.package.error_model import ErrorModel  # of regressions

            errors = ErrorModel.from_json(reader["errors"])
        return cls(rows, correct, rival_rows, rival_true, errors)


def _short(number: float) -> int | float:
    """Return whole numbers as such: they take less room."""
    return int(number) if number == int(number) else number


def _tables(reader: Reader, rows_name: str, hits_name: str) -> tuple[CountTable, HitTable]:
    rows = tuple(tuple(item.integers(max_length=BINS)) for item in reader[rows_name].items())
    if any(len(bins) != BINS for bins in rows):
        raise reader[rows_name].refused(f"{BINS} counts per class")
    hits = tuple(
        tuple(number.number(low=0.0) for number in item.items(max_length=BINS))
        for item in reader[hits_name].items()
    )
    if [len(bins) for bins in hits] != [BINS] * len(rows) or any(
        hit > count + _ROUNDING
        for bins, counts in zip(hits, rows, strict=True)
        for hit, count in zip(bins, counts, strict=True)
    ):
        raise reader.refused(
            f"as many classes in both tables and no more {hits_name} rows than rows"
        )
    return rows, hits
