"""The *auto m4* sketch: counts of a number on about 6 % wide buckets, from float32 bits.

One of two mappings is chosen when a model is converted:

* ``float-bits`` keeps sign, exponent and the first 4 mantissa bits of the value. The buckets are
  log-linear: the "linearly interpolated" mapping of DDSketch (Masson, Rim, Lee, VLDB 2019). It
  needs no parameters, but is blind when a feature sits far from zero: all of normal(1000, 1) falls
  into one bucket;
* ``centred`` does the same on ``1 + |x - center| / scale`` with the sign of ``x - center``: about
  ``scale / 16`` wide near the centre, log-linear in the tails.

Zero, missing (NaN) and the infinities are counted apart in both. The outermost centred buckets are
open: they hold everything that is 24 binades or more from the centre.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import ClassVar, Final, Self

from edge_contract.errors import UsageError
from edge_contract.reading import MAX_INTEGER, JsonObject, JsonValue, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.float32 import MAX_FLOAT32, bits_of, float_of, rounded
from edge_contract.stats.sparse import (
    add_sparse,
    added,
    checked_total,
    read_sparse,
    sparse_state,
)

__all__ = ["CENTRED", "FLOAT_BITS", "Sketch", "SketchSpec"]

FLOAT_BITS: Final = "float-bits"
CENTRED: Final = "centred"

_WHOLE: Final = {int}

SHIFT: Final = 19
"""Bits of a float32 that a bucket drops: 4 of the 23 mantissa bits stay."""

CENTRED_BASE: Final = 127 << 4
"""Bucket of 1.0, the centre of the centred mapping."""

CENTRED_BUCKETS: Final = 24 << 4
"""Buckets on each side of the centre: 24 binades; what lies further is in the last one."""

FLOAT_BUCKETS: Final = 255 << 4
"""Buckets on each side of zero of the float-bits mapping."""


@register
@dataclass(frozen=True, slots=True)
class SketchSpec:
    """The mapping of one numeric column.

    Attributes:
        mapping: ``float-bits`` or ``centred``.
        center: Centre of the centred mapping, a float32 number in the column's unit.
        scale: Its width, a float32 number above 0 in the column's unit.
        integer: The column holds whole numbers: report a bucket's value, do not interpolate.
    """

    kind: ClassVar[str] = "sketch"
    arity: ClassVar[int] = 1

    mapping: str = FLOAT_BITS
    center: float = 0.0
    scale: float = 1.0
    integer: bool = False

    def __post_init__(self) -> None:
        if self.mapping not in (FLOAT_BITS, CENTRED):
            raise UsageError(
                f"sketch mapping {self.mapping!r} is unknown, "
                f"expected {FLOAT_BITS!r} or {CENTRED!r}"
            )
        usable = (
            math.isfinite(self.center)
            and 1e-30 <= self.scale <= 1e30
            and rounded(self.center) == self.center
            and rounded(self.scale) == self.scale
        )
        if not usable:
            raise UsageError(
                f"sketch center {self.center!r} and scale {self.scale!r} must be float32 numbers, "
                "the scale from 1e-30 to 1e30"
            )

    @property
    def last_code(self) -> int:
        """Codes run from ``-last_code`` (float-bits) or ``-last_code - 1`` (centred) up to it."""
        return FLOAT_BUCKETS if self.mapping == FLOAT_BITS else CENTRED_BUCKETS - 1

    @property
    def first_code(self) -> int:
        """The smallest code."""
        return -FLOAT_BUCKETS if self.mapping == FLOAT_BITS else -CENTRED_BUCKETS

    def code_of(self, value: float) -> int:
        """Return the bucket of a finite float32 number other than 0; codes rise with the value."""
        if self.mapping == FLOAT_BITS:
            bits = bits_of(value)
            magnitude = ((bits & 0x7FFFFFFF) >> SHIFT) + 1
            return -magnitude if bits >> 31 else magnitude
        offset = rounded(rounded(value - self.center) * rounded(1.0 / self.scale))
        bucket = CENTRED_BUCKETS - 1
        if math.isfinite(offset):
            bucket = min((bits_of(rounded(1.0 + abs(offset))) >> SHIFT) - CENTRED_BASE, bucket)
        return -1 - bucket if math.copysign(1.0, offset) < 0 else bucket

    def edges_of(self, code: int) -> tuple[float, float]:
        """Return the lower and the upper edge of a bucket, in the column's unit.

        An open bucket ends at the largest float32 number, whatever lies in it; see :meth:`is_open`.
        """
        if self.mapping == FLOAT_BITS:
            bucket = abs(code) - 1
            near, far = _begin(bucket), min(_begin(bucket + 1), MAX_FLOAT32)
            return (near, far) if code > 0 else (-far, -near)
        bucket = code if code >= 0 else -1 - code
        near = (_begin(bucket + CENTRED_BASE) - 1.0) * self.scale
        far = (_begin(bucket + 1 + CENTRED_BASE) - 1.0) * self.scale
        low, high = self.center - far, self.center - near
        if code >= 0:
            low, high = self.center + near, self.center + far
        if self.is_open(code):
            return (low, max(low, MAX_FLOAT32)) if code >= 0 else (min(-MAX_FLOAT32, high), high)
        return low, high

    def is_open(self, code: int) -> bool:
        """Whether a bucket has no outer end: all that is known is where its numbers begin."""
        return self.mapping == CENTRED and code in (self.first_code, self.last_code)

    def value_of(self, code: int) -> float:
        """Return the number that stands for a bucket: its middle, or a whole number in it.

        For an open bucket it is the end that is known.
        """
        low, high = self.edges_of(code)
        if self.is_open(code):
            return low if code >= 0 else high
        middle = low + (high - low) / 2
        if not self.integer:
            return middle
        # The edge nearer to zero, or to the centre, belongs to the bucket; the other one does not.
        inside = math.floor(middle) if code >= 0 else math.ceil(middle)
        return float(inside if low <= inside <= high else round(middle))

    def empty(self) -> "Sketch":
        """Return a sketch that has seen nothing."""
        return Sketch(self)

    def decode(self, state: object) -> "Sketch":
        """Rebuild a sketch; raises ``MessageError`` for negative counts or unknown buckets."""
        reader = state_reader(state, self.kind)
        counts = read_sparse(reader[4], low=self.first_code, high=self.last_code)
        if 0 in counts and self.mapping == FLOAT_BITS:
            raise reader[4].refused("no bucket 0, because zeros are counted apart")
        return Sketch(
            self,
            zero=reader[0].integer(low=0),
            missing=reader[1].integer(low=0),
            positive_infinity=reader[2].integer(low=0),
            negative_infinity=reader[3].integer(low=0),
            counts=counts,
        )

    def check(self, state: object) -> int:
        """Return the observations of a state; raises what :meth:`decode` would raise."""
        if type(state) is list and len(state) == 5:
            *apart, sparse = state
            found = checked_total(sparse, low=self.first_code, high=self.last_code)
            is_plain = {*map(type, apart)} == _WHOLE and min(apart) >= 0
            if found is not None and is_plain and max(apart) <= MAX_INTEGER:
                is_odd = self.mapping == FLOAT_BITS and 0 in accumulate(sparse[0])
                if not is_odd:
                    return found + sum(apart)
        return self.decode(state).count

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {
            "mapping": self.mapping,
            "center": self.center,
            "scale": self.scale,
            "integer": self.integer,
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        try:
            return cls(
                mapping=reader["mapping"].text(max_length=16),
                center=reader["center"].number(),
                scale=reader["scale"].number(),
                integer=reader["integer"].flag(),
            )
        except UsageError as error:
            raise reader.refused(str(error)) from error

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return both mappings, one of whole numbers."""
        return (cls(), cls(CENTRED, 1000.0, 2.0), cls(FLOAT_BITS, integer=True))


@dataclass(slots=True)
class Sketch:
    """Counts of one numeric column.

    Attributes:
        spec: The mapping.
        zero: Values equal to 0.
        missing: NaNs.
        positive_infinity: Infinities and values too large for a float32.
        negative_infinity: The same below zero.
        counts: Values by bucket code; no zero counts.
    """

    spec: SketchSpec
    zero: int = 0
    missing: int = 0
    positive_infinity: int = 0
    negative_infinity: int = 0
    counts: dict[int, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Observations seen, missing ones and infinities included."""
        return (
            self.zero
            + self.missing
            + self.positive_infinity
            + self.negative_infinity
            + sum(self.counts.values())
        )

    @property
    def finite(self) -> int:
        """Finite observations seen, zeros included."""
        return self.zero + sum(self.counts.values())

    def observe(self, row: Sequence[float]) -> None:
        """Add one number, rounded to float32 first."""
        value = rounded(row[0])
        if math.isnan(value):
            self.missing += 1
        elif value == 0.0:
            self.zero += 1
        elif value > MAX_FLOAT32:
            self.positive_infinity += 1
        elif value < -MAX_FLOAT32:
            self.negative_infinity += 1
        else:
            code = self.spec.code_of(value)
            self.counts[code] = self.counts.get(code, 0) + 1

    def merged(self, other: Self) -> Self:
        """Return the sketch of both streams."""
        require_same_spec(self.spec, other.spec)
        return type(self)(
            self.spec,
            zero=self.zero + other.zero,
            missing=self.missing + other.missing,
            positive_infinity=self.positive_infinity + other.positive_infinity,
            negative_infinity=self.negative_infinity + other.negative_infinity,
            counts=added(self.counts, other.counts),
        )

    def absorb(self, state: list[JsonValue]) -> None:
        """Add a state that was checked, in place."""
        match state:
            case [int(zero), int(missing), int(up), int(down), [list(gaps), list(numbers)]]:
                self.zero += zero
                self.missing += missing
                self.positive_infinity += up
                self.negative_infinity += down
                add_sparse(self.counts, gaps, numbers)
            case _:
                raise UsageError("a sketch can only absorb a state that was checked")

    def to_state(self) -> State:
        """Return ``[zero, missing, +inf, -inf, [gaps, counts]]``."""
        return [
            self.zero,
            self.missing,
            self.positive_infinity,
            self.negative_infinity,
            sparse_state(self.counts),
        ]

    def ordered(self) -> list[tuple[float, int]]:
        """Return (value, count) of every finite bucket, zero included, in rising order."""
        found: dict[float, int] = {}
        for code, count in self.counts.items():
            value = self.spec.value_of(code)
            found[value] = found.get(value, 0) + count
        if self.zero:
            found[0.0] = found.get(0.0, 0) + self.zero
        return sorted(found.items())


@cache
def _begin(bucket: int) -> float:
    """Return where a float-bits bucket above zero begins; there are a few thousand of them."""
    return float_of(bucket << SHIFT)
