"""Joint second moments: whether numbers still move together as they did.

Each feature by itself may look as it always did while two of them have come apart: a thermometer
that follows another engine. For some pairs of features, chosen at convert time, the products of
their standardised values are summed; divided by ``STEPS ** 2`` and the count, that is close to
their correlation in the reference.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import MAX_INTEGER, JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.quantised import (
    LARGEST,
    LARGEST_SUM,
    Sums,
    checked_scales,
    factor_of,
    quantised,
    read_float32s,
    read_sums,
    read_whole_numbers,
)

__all__ = ["LARGEST_PRODUCT", "MAX_PAIRS", "Joint", "JointSpec"]

LARGEST_PRODUCT: Final = LARGEST * LARGEST
"""Largest magnitude of a product of two quantised values."""

MAX_PAIRS: Final = 1024


@register
@dataclass(frozen=True, slots=True)
class JointSpec:
    """Which features are multiplied with which.

    Attributes:
        features: Names of numeric features, one for each number of an observation.
        centers: Their centers, float32 numbers in the features' units.
        scales: Their standard deviations, robustly estimated, the same.
        pairs: Indices of two features each, the smaller one first, rising.
    """

    kind: ClassVar[str] = "joint"

    features: tuple[str, ...] = ("x", "y")
    centers: tuple[float, ...] = (0.0, 0.0)
    scales: tuple[float, ...] = (1.0, 1.0)
    pairs: tuple[tuple[int, int], ...] = ((0, 1),)

    def __post_init__(self) -> None:
        checked_scales("joint statistic", self.centers, self.scales)
        if len(self.features) != len(self.centers) or len(set(self.features)) < len(self.features):
            raise UsageError(
                f"joint statistic of features {self.features!r} needs one center for each, "
                "and each feature once"
            )
        known = all(0 <= a < b < len(self.features) for a, b in self.pairs)
        rising = list(self.pairs) == sorted(set(self.pairs))
        if not known or not rising or not 1 <= len(self.pairs) <= MAX_PAIRS:
            raise UsageError(
                f"joint statistic of {len(self.features)} features has pairs {self.pairs!r:.200}: "
                f"expected 1 to {MAX_PAIRS} rising pairs of rising indices"
            )

    @property
    def arity(self) -> int:
        """One number per feature."""
        return len(self.features)

    def empty(self) -> "Joint":
        """Return sums of nothing."""
        return Joint(self)

    def decode(self, state: object) -> "Joint":
        """Rebuild sums; raises ``MessageError`` for those that no stream can have."""
        match state:
            case [int(rows), list(missing), list(totals), list(squares)] if self._are_possible(
                rows, missing, totals, squares
            ):
                return Joint(self, rows, [*missing], [*totals], [*squares])
            case _:
                pass  # readers tell what is wrong with it
        reader = state_reader(state, self.kind)
        size = len(self.pairs)
        rows = reader[0].integer(low=0)
        missing = read_whole_numbers(reader[1], length=size)
        if not all(0 <= number <= rows for number in missing):
            raise reader[1].refused(f"numbers from 0 to {rows}")
        totals, squares = read_sums(
            reader[2],
            reader[3],
            counts=[rows - number for number in missing],
            length=size,
            largest=LARGEST_PRODUCT,
        )
        return Joint(self, rows, missing, totals, squares)

    def _are_possible(
        self, rows: int, missing: list[int], totals: list[int], squares: list[int]
    ) -> bool:
        """Return whether these are whole numbers that some stream has, as quickly as can be."""
        largest = LARGEST_PRODUCT * LARGEST_PRODUCT
        return (
            type(rows) is int
            and 0 <= rows <= MAX_INTEGER
            and len(missing) == len(totals) == len(squares) == len(self.pairs)
            and {*map(type, missing), *map(type, totals), *map(type, squares)} == {int}
            and min(missing) >= 0
            and max(missing) <= rows
            and max(squares) <= LARGEST_SUM
            and all(
                abs(total) <= square <= largest * (count := rows - left)
                and total * total <= count * square
                and not (total - square) & 1
                for left, total, square in zip(missing, totals, squares, strict=True)
            )
        )

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {
            "features": list(self.features),
            "centers": list(self.centers),
            "scales": list(self.scales),
            "pairs": [list(pair) for pair in self.pairs],
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        size = 2 * MAX_PAIRS
        try:
            return cls(
                tuple(item.text(max_length=300) for item in reader["features"].items()),
                read_float32s(reader["centers"], max_length=size),
                read_float32s(reader["scales"], max_length=size),
                tuple((item[0].integer(), item[1].integer()) for item in reader["pairs"].items()),
            )
        except UsageError as error:
            raise reader.refused(str(error)) from error

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return one of two features and one of three."""
        three = cls(("a", "b", "c"), (0.0, 500.0, -1.0), (1.0, 250.0, 0.125), ((0, 2), (1, 2)))
        return (cls(), three)


@dataclass(slots=True)
class Joint:
    """Sums of products of standardised values, by pair.

    A row in which a value of a pair is missing or infinite is left out of that pair alone.

    Attributes:
        spec: Which features.
        rows: Observations seen.
        missing: By pair, observations that were left out.
        totals: By pair, the sum of the products of the others, in ``STEPS ** -2``.
        squares: By pair, the sum of the squares of these products.
    """

    spec: JointSpec
    rows: int = 0
    missing: list[int] = field(default_factory=list)
    totals: list[int] = field(default_factory=list)
    squares: list[int] = field(default_factory=list)
    _factors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.spec.pairs)
        self.missing = self.missing or [0] * size
        self.totals = self.totals or [0] * size
        self.squares = self.squares or [0] * size

    @property
    def count(self) -> int:
        """Observations seen."""
        return self.rows

    @property
    def sums(self) -> list[Sums]:
        """By pair, what is known of its products; each lies in -2304 to 2304."""
        return [
            Sums(self.rows - missing, total, square)
            for missing, total, square in zip(self.missing, self.totals, self.squares, strict=True)
        ]

    def observe(self, row: Sequence[float]) -> None:
        """Add one number per feature."""
        spec = self.spec
        self._factors = self._factors or tuple(map(factor_of, spec.scales))
        numbers = [
            quantised(value, center=center, factor=factor)
            for value, center, factor in zip(row, spec.centers, self._factors, strict=True)
        ]
        self.rows += 1
        for place, (a, b) in enumerate(spec.pairs):
            first, second = numbers[a], numbers[b]
            if first is None or second is None:
                self.missing[place] += 1
                continue
            product = first * second
            self.totals[place] += product
            self.squares[place] += product * product

    def merged(self, other: Self) -> Self:
        """Return the sums of both streams."""
        require_same_spec(self.spec, other.spec)
        return type(self)(
            self.spec,
            self.rows + other.rows,
            [a + b for a, b in zip(self.missing, other.missing, strict=True)],
            [a + b for a, b in zip(self.totals, other.totals, strict=True)],
            [a + b for a, b in zip(self.squares, other.squares, strict=True)],
        )

    def to_state(self) -> State:
        """Return ``[rows, missing by pair, sums by pair, sums of squares by pair]``."""
        return [self.rows, list(self.missing), list(self.totals), list(self.squares)]
