"""Mean vectors: where the cloud of embeddings lies, component by component.

An embedding's components mean nothing by themselves, but when what the model sees changes, the
cloud of its embeddings moves. Summed are the components, standardised as in the reference, and
their squares.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.quantised import (
    LARGEST,
    Sums,
    checked_scales,
    factor_of,
    quantised,
    read_float32s,
    read_sums,
)

__all__ = ["MAX_DIMENSION", "Vectors", "VectorsSpec"]

MAX_DIMENSION: Final = 1024
"""Components of the largest vector: its sums fit into a message several times."""


@register
@dataclass(frozen=True, slots=True)
class VectorsSpec:
    """How the components are standardised.

    Attributes:
        centers: One per component, float32 numbers.
        scales: Their standard deviations, robustly estimated, the same.
    """

    kind: ClassVar[str] = "vectors"

    centers: tuple[float, ...] = (0.0,)
    scales: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        checked_scales("mean vector", self.centers, self.scales)
        if not 1 <= len(self.centers) <= MAX_DIMENSION:
            raise UsageError(
                f"mean vector has {len(self.centers)} components, expected 1 to {MAX_DIMENSION}"
            )

    @property
    def arity(self) -> int:
        """One number per component."""
        return len(self.centers)

    def empty(self) -> "Vectors":
        """Return sums of nothing."""
        return Vectors(self)

    def decode(self, state: object) -> "Vectors":
        """Rebuild sums; raises ``MessageError`` for those that no stream can have."""
        reader = state_reader(state, self.kind)
        rows = reader[0].integer(low=0)
        missing = reader[1].integer(low=0, high=rows)
        totals, squares = read_sums(
            reader[2],
            reader[3],
            counts=[rows - missing] * self.arity,
            length=self.arity,
            largest=LARGEST,
        )
        return Vectors(self, rows, missing, totals, squares)

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {"centers": list(self.centers), "scales": list(self.scales)}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        try:
            return cls(
                read_float32s(reader["centers"], max_length=MAX_DIMENSION),
                read_float32s(reader["scales"], max_length=MAX_DIMENSION),
            )
        except UsageError as error:
            raise reader.refused(str(error)) from error

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return one of one component and one of three."""
        return (cls(), cls((0.0, 500.0, -1.0), (1.0, 250.0, 0.125)))


@dataclass(slots=True)
class Vectors:
    """Sums of standardised components.

    A vector with a missing or infinite component is left out whole.

    Attributes:
        spec: How components are standardised.
        rows: Observations seen.
        missing: Those that were left out.
        totals: By component, the sum of the others, in sixteenths of a standard deviation.
        squares: By component, the sum of their squares.
    """

    spec: VectorsSpec
    rows: int = 0
    missing: int = 0
    totals: list[int] = field(default_factory=list)
    squares: list[int] = field(default_factory=list)
    _factors: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        self.totals = self.totals or [0] * self.spec.arity
        self.squares = self.squares or [0] * self.spec.arity

    @property
    def count(self) -> int:
        """Observations seen."""
        return self.rows

    @property
    def sums(self) -> list[Sums]:
        """By component, what is known of it; each value lies in -48 to 48."""
        counted = self.rows - self.missing
        return [
            Sums(counted, total, square)
            for total, square in zip(self.totals, self.squares, strict=True)
        ]

    def observe(self, row: Sequence[float]) -> None:
        """Add one vector."""
        spec = self.spec
        self._factors = self._factors or tuple(map(factor_of, spec.scales))
        numbers: list[int] = []
        self.rows += 1
        for value, center, factor in zip(row, spec.centers, self._factors, strict=True):
            number = quantised(value, center=center, factor=factor)
            if number is None:
                self.missing += 1
                return
            numbers.append(number)
        for place, number in enumerate(numbers):
            self.totals[place] += number
            self.squares[place] += number * number

    def merged(self, other: Self) -> Self:
        """Return the sums of both streams."""
        require_same_spec(self.spec, other.spec)
        return type(self)(
            self.spec,
            self.rows + other.rows,
            self.missing + other.missing,
            [a + b for a, b in zip(self.totals, other.totals, strict=True)],
            [a + b for a, b in zip(self.squares, other.squares, strict=True)],
        )

    def to_state(self) -> State:
        """Return ``[rows, missing, sums by component, sums of squares by component]``."""
        return [self.rows, self.missing, list(self.totals), list(self.squares)]
