"""Count, mean, variance and range of a number, mergeable across devices."""

import math
from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import MAX_INTEGER, JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, state_reader
from edge_contract.stats.float32 import MAX_DECIMAL, MAX_FLOAT32, decimal_of, rounded

__all__ = ["Moments", "MomentsSpec"]

_MAX_FLOAT64: Final = 1.7976931348623157e308  # a peer's lie must not become infinite when merged
_FLOATS: Final = {float}
_ALL_DIGITS: Final = 17  # of a double


@register
@dataclass(frozen=True, slots=True)
class MomentsSpec:
    """Moments need no parameters."""

    kind: ClassVar[str] = "moments"
    arity: ClassVar[int] = 1

    def empty(self) -> "Moments":
        """Return moments of nothing."""
        return Moments()

    def decode(self, state: object) -> "Moments":
        """Rebuild moments; raises ``MessageError`` for numbers that no stream can have."""
        reader = state_reader(state, self.kind)
        moments = Moments(
            nonfinite=reader[1].integer(low=0),
            finite=reader[0].integer(low=0),
            mean=reader[2].number(low=-MAX_FLOAT32, high=MAX_FLOAT32),
            m2=reader[3].number(low=0.0),
            low=rounded(reader[4].number(low=-MAX_DECIMAL, high=MAX_DECIMAL)),
            high=rounded(reader[5].number(low=-MAX_DECIMAL, high=MAX_DECIMAL)),
        )
        if moments.low > moments.high:
            raise reader.refused("a lowest value that is not above the highest")
        if not moments.finite and (moments.mean or moments.m2 or moments.low or moments.high):
            raise reader.refused("zeros where there is no finite value")
        return moments

    def check(self, state: object) -> int:
        """Return the observations of a state; raises what :meth:`decode` would raise."""
        if type(state) is list and len(state) == 6:
            finite, nonfinite, mean, m2, low, high = state
            if (
                type(finite) is type(nonfinite) is int
                and {type(mean), type(m2), type(low), type(high)} == _FLOATS
                and 0 < finite <= MAX_INTEGER
                and 0 <= nonfinite <= MAX_INTEGER
                and -MAX_FLOAT32 <= mean <= MAX_FLOAT32
                and 0.0 <= m2 <= _MAX_FLOAT64
                and -MAX_FLOAT32 <= low <= high <= MAX_FLOAT32
            ):
                return finite + nonfinite
        return self.decode(state).count

    def to_json(self) -> JsonObject:
        """Return no parameters."""
        return {}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read no parameters."""
        return cls()

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return the only one."""
        return (cls(),)


@dataclass(slots=True)
class Moments:
    """Mean and variance in one pass (Welford), merged by Chan's formula.

    Keeps ``m2``, the sum of squared deviations from the mean, and not the variance: ``m2`` adds up
    under merging and needs no special case for one observation, the variance does.

    Attributes:
        finite: Finite observations seen.
        nonfinite: NaNs, infinities and values too large for a float32; in none of the rest.
        mean: Mean of the finite ones, in the unit of the observed value; 0.0 while there are none.
        m2: Sum of squared deviations from the mean, in that unit squared; never negative.
        low: Smallest finite value, as a float32; 0.0 while there are none.
        high: Largest finite value, as a float32; 0.0 while there are none.

    Merging is exact for the counts and the range; ``mean`` and ``m2`` may differ in their last bits
    with the order of merging, so never compare them with ``==``.
    """

    finite: int = 0
    nonfinite: int = 0
    mean: float = 0.0
    m2: float = 0.0
    low: float = 0.0
    high: float = 0.0
    spec: MomentsSpec = field(default_factory=MomentsSpec)

    @property
    def count(self) -> int:
        """Observations seen."""
        return self.finite + self.nonfinite

    @property
    def variance(self) -> float:
        """Sample variance (divisor ``finite - 1``); NaN below two observations, not 0."""
        return self.m2 / (self.finite - 1) if self.finite > 1 else math.nan

    def observe(self, row: Sequence[float]) -> None:
        """Add one number; what is not finite only raises ``nonfinite``."""
        value = float(row[0])
        if not abs(value) <= MAX_FLOAT32:
            self.nonfinite += 1
            return
        single = rounded(value)
        self.low = min(self.low, single) if self.finite else single
        self.high = max(self.high, single) if self.finite else single
        self.finite += 1
        delta = value - self.mean
        self.mean += delta / self.finite
        self.m2 += delta * (value - self.mean)

    def merged(self, other: Self) -> Self:
        """Return the moments of both streams; neither operand changes."""
        nonfinite = self.nonfinite + other.nonfinite
        if not self.finite or not other.finite:  # an idle side has no mean and no range
            some = self if self.finite else other
            return type(self)(some.finite, nonfinite, some.mean, some.m2, some.low, some.high)
        finite = self.finite + other.finite
        delta = other.mean - self.mean
        return type(self)(
            finite=finite,
            nonfinite=nonfinite,
            mean=self.mean + delta * (other.finite / finite),
            m2=min(
                self.m2 + other.m2 + delta * delta * (self.finite * other.finite / finite),
                _MAX_FLOAT64,
            ),
            low=min(self.low, other.low),
            high=max(self.high, other.high),
        )

    def absorb(self, state: list[JsonValue]) -> None:
        """Add a state that was checked, in place."""
        match state:
            case [
                int(finite),
                int(nonfinite),
                int() | float() as mean,
                int() | float() as m2,
                int() | float() as low,
                int() | float() as high,
            ]:
                self.nonfinite += nonfinite
                if finite:
                    self._absorb(finite, float(mean), float(m2), low=low, high=high)
            case _:
                raise UsageError("moments can only absorb a state that was checked")

    def _absorb(self, finite: int, mean: float, m2: float, *, low: float, high: float) -> None:
        """Add a stream of at least one number, as :meth:`merged` does."""
        before, total = self.finite, self.finite + finite
        if not before:
            self.mean, self.m2, self.low, self.high = mean, m2, rounded(low), rounded(high)
        else:
            delta = mean - self.mean
            self.mean += delta * (finite / total)
            m2 += self.m2 + delta * delta * (before * finite / total)
            self.m2 = min(m2, _MAX_FLOAT64)
            if low < self.low:
                self.low = rounded(low)
            if high > self.high:
                self.high = rounded(high)
        self.finite = total

    def to_state(self) -> State:
        """Return ``[finite, nonfinite, mean, m2, low, high]``."""
        return [self.finite, self.nonfinite, self.mean, self.m2, self.low, self.high]

    def brief(self) -> Self:
        """Return the same in as few digits as they deserve, for a state that costs little to send.

        ``m2`` keeps 5 significant digits, the mean stays right to a hundred-thousandth of the
        standard deviation, which is far below what chance does to both, and the range comes back
        exactly from the state. Doing it again changes nothing.
        """
        m2 = _with_digits(self.m2, 5)
        deviation = math.sqrt(m2 / self.finite) if self.finite else 0.0
        mean = self.mean
        if mean and deviation:
            mean = _with_digits(mean, _exponent(mean) - _exponent(deviation) + 6)
            mean = min(max(mean, -MAX_FLOAT32), MAX_FLOAT32)
        low, high = decimal_of(self.low), decimal_of(self.high)
        return type(self)(self.finite, self.nonfinite, mean, m2, low, high)


def _with_digits(number: float, digits: int) -> float:
    """Return the number rounded to so many significant digits; 0.0 for none."""
    if digits < 1:
        return 0.0
    return float(f"{number:.{digits - 1}e}") if digits < _ALL_DIGITS else number


def _exponent(number: float) -> int:
    """Return the power of ten of the first digit of a number that is not 0."""
    return math.floor(math.log10(abs(number)))
