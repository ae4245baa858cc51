"""Where a regression's errors were large, on the rows whose truth the author knew.

The expected size of an error is a sum of one term per watched subject, each a step function of
that subject's value. The mean of such a sum over any rows needs no rows: the histogram of each
subject by itself, which devices count anyway, is enough.
"""

import math
from bisect import bisect_right
from typing import Final, Self

from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["MAX_TERMS", "ErrorModel", "ErrorTerm"]

MAX_TERMS: Final = 64
_MAX_PLACES: Final = 1024


@dataclass(frozen=True, slots=True)
class ErrorTerm:
    """What one subject adds to the expected error.

    The places are: missing, then the steps of a number in rising order, or the categories and at
    last all other texts.

    Attributes:
        subject: The feature or the prediction.
        cuts: Where one step ends and the next begins, rising, one less than there are steps; none
            for a category.
        is_category: Whether the places after the first are categories.
        rows: Labelled rows by place.
        absolute: By place, what is added to the expected absolute error.
        squared: The same for the squared error.
    """

    subject: str
    cuts: tuple[float, ...]
    is_category: bool
    rows: tuple[int, ...]
    absolute: tuple[float, ...]
    squared: tuple[float, ...]

    def place_of(self, value: float) -> int:
        """Return the place of a number; infinities belong to the outermost steps."""
        return 0 if math.isnan(value) else 1 + bisect_right(self.cuts, value)

    def place_of_category(self, code: int) -> int:
        """Return the place of a category by its index; those that are not listed share the last."""
        return min(code + 1, len(self.rows) - 1)

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "subject": self.subject,
            "cuts": list(self.cuts),
            "kind": "category" if self.is_category else "number",
            "rows": list(self.rows),
            "absolute": list(self.absolute),
            "squared": list(self.squared),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        term = cls(
            subject=reader["subject"].text(max_length=320),
            cuts=_numbers(reader["cuts"]),
            is_category=reader["kind"].text(pattern="category|number") == "category",
            rows=tuple(reader["rows"].integers(max_length=_MAX_PLACES)),
            absolute=_numbers(reader["absolute"]),
            squared=_numbers(reader["squared"]),
        )
        places = len(term.rows)
        expected = places if term.is_category and not term.cuts else len(term.cuts) + 2
        if not 2 <= places == len(term.absolute) == len(term.squared) == expected:
            raise reader.refused("one number for each place")
        if list(term.cuts) != sorted(set(term.cuts)):
            raise reader["cuts"].refused("rising numbers")
        return term


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """What errors are to be expected of a regression.

    Attributes:
        rows: Labelled rows behind it.
        absolute: Mean absolute error over them.
        squared: Mean squared error over them.
        absolute_variance: How far single absolute errors vary around what the terms say, squared.
        squared_variance: The same for squared errors.
        explained: Share of the variance of the absolute error that the terms explain on rows that
            they were not learned from; 0 without terms.
        terms: One per subject that matters.
    """

    rows: int
    absolute: float
    squared: float
    absolute_variance: float
    squared_variance: float
    explained: float = 0.0
    terms: tuple[ErrorTerm, ...] = ()

    def to_json(self) -> JsonObject:
        """Return the fields by name."""
        return {
            "rows": self.rows,
            "absolute": self.absolute,
            "squared": self.squared,
            "absolute_variance": self.absolute_variance,
            "squared_variance": self.squared_variance,
            "explained": self.explained,
            "terms": [term.to_json() for term in self.terms],
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        terms = reader["terms"].items(max_length=MAX_TERMS)
        return cls(
            rows=reader["rows"].integer(low=1),
            absolute=reader["absolute"].number(low=0.0),
            squared=reader["squared"].number(low=0.0),
            absolute_variance=reader["absolute_variance"].number(low=0.0),
            squared_variance=reader["squared_variance"].number(low=0.0),
            explained=reader["explained"].number(low=0.0, high=1.0),
            terms=tuple(ErrorTerm.from_json(item) for item in terms),
        )


def _numbers(reader: Reader) -> tuple[float, ...]:
    return tuple(item.number() for item in reader.items(max_length=_MAX_PLACES))
