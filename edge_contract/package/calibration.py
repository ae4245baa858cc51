"""What predictions were worth on the rows whose truth the author knew."""

from dataclasses import dataclass
from typing import Self

from edge_contract.reading import JsonObject, Reader
from edge_contract.stats.probabilities import BINS

__all__ = ["Calibration"]


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often predictions with a given probability were right, on held-out rows.

    Attributes:
        rows: Per predicted class and bin of :class:`ProbabilitiesSpec`, labelled rows.
        correct: Of those, the ones that were predicted right.
    """

    rows: tuple[tuple[int, ...], ...] = ()
    correct: tuple[tuple[int, ...], ...] = ()

    def __bool__(self) -> bool:
        """Whether there were labels at all."""
        return any(any(bins) for bins in self.rows)

    def to_json(self) -> JsonObject:
        """Return the tables by name."""
        return {
            "rows": [list(bins) for bins in self.rows],
            "correct": [list(bins) for bins in self.correct],
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the tables; raises the reader's error."""
        rows, correct = _bin_table(reader["rows"]), _bin_table(reader["correct"])
        if len(rows) != len(correct) or any(
            right > labelled
            for row, correct_row in zip(rows, correct, strict=False)
            for labelled, right in zip(row, correct_row, strict=True)
        ):
            raise reader.refused(
                "as many classes in both tables and no more correct rows than rows"
            )
        return cls(rows, correct)


def _bin_table(reader: Reader) -> tuple[tuple[int, ...], ...]:
    rows = tuple(tuple(item.integers(max_length=BINS)) for item in reader.items())
    if any(len(bins) != BINS for bins in rows):
        raise reader.refused(f"{BINS} counts per class")
    return rows
