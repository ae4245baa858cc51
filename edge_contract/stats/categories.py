"""Counts of a categorical column: the reference's categories by index, all others together."""

import math
from collections.abc import Sequence
from typing import ClassVar, Final, Self

from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.float32 import bits_of, rounded
from edge_contract.stats.sparse import added, read_sparse, sparse_state
from edge_contract.stats.text_hash import HASH_BITS

__all__ = ["KEPT_HASHES", "Categories", "CategoriesSpec"]

KEPT_HASHES: Final = 32
"""How many hashes of unknown categories are kept to estimate how many there are."""

_HASHES: Final = 1 << HASH_BITS


@register
@dataclass(frozen=True, slots=True)
class CategoriesSpec:
    """How many categories the reference has; their names stand in the package's features.

    Attributes:
        size: Number of known categories; their codes are 0 to ``size - 1``.
    """

    kind: ClassVar[str] = "categories"
    arity: ClassVar[int] = 1

    size: int = 2

    def empty(self) -> "Categories":
        """Return counts of nothing."""
        return Categories(self)

    def decode(self, state: object) -> "Categories":
        """Rebuild counts; raises ``MessageError`` for negative counts or unknown indices."""
        reader = state_reader(state, self.kind)
        hashes = reader[3].integers(low=0, max_length=KEPT_HASHES)
        if sorted(set(hashes)) != hashes or (hashes and hashes[-1] >= _HASHES):
            raise reader[3].refused(f"rising hashes below {_HASHES}")
        return Categories(
            self,
            missing=reader[0].integer(low=0),
            other=reader[1].integer(low=len(hashes)),
            counts=read_sparse(reader[2], low=0, high=self.size - 1),
            hashes=tuple(hashes),
        )

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {"size": self.size}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        return cls(size=reader["size"].integer(low=0, high=1_000_000))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return a small one and one without known categories."""
        return (cls(3), cls(0))


@dataclass(slots=True)
class Categories:
    """Counts by category.

    An observation is a code: the index of a known category, ``-1 - hash`` of another one (see
    :mod:`edge_contract.stats.text_hash`), or NaN for a missing one. Any other number is an unknown
    category too, hashed from its bits.

    Attributes:
        spec: How many categories are known.
        missing: Observations without a value.
        other: Observations of categories that the reference does not have.
        counts: Observations by index of a known category.
        hashes: The smallest hashes of other categories, rising (a "k minimum values" sketch,
            Bar-Yossef and others, 2002); from them comes :attr:`distinct_others`.
    """

    spec: CategoriesSpec
    missing: int = 0
    other: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    hashes: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """Observations seen."""
        return self.missing + self.other + sum(self.counts.values())

    @property
    def distinct_others(self) -> float:
        """About how many different unknown categories came; exact below 32."""
        if len(self.hashes) < KEPT_HASHES:
            return float(len(self.hashes))
        return (KEPT_HASHES - 1) / ((self.hashes[-1] + 1) / _HASHES)

    def observe(self, row: Sequence[float]) -> None:
        """Add one code."""
        code = row[0]
        if math.isnan(code):
            self.missing += 1
        elif 0 <= code < self.spec.size and code == int(code):
            self.counts[int(code)] = self.counts.get(int(code), 0) + 1
        else:
            self.other += 1
            self.hashes = _smallest((*self.hashes, hash_of_code(code)))

    def merged(self, other: Self) -> Self:
        """Return the counts of both streams."""
        require_same_spec(self.spec, other.spec)
        return type(self)(
            self.spec,
            missing=self.missing + other.missing,
            other=self.other + other.other,
            counts=added(self.counts, other.counts),
            hashes=_smallest(self.hashes + other.hashes),
        )

    def to_state(self) -> State:
        """Return ``[missing, other, [gaps, counts], hashes]``."""
        return [self.missing, self.other, sparse_state(self.counts), list(self.hashes)]


def hash_of_code(code: float) -> int:
    """Return the hash that an unknown category's code carries; any other number is hashed."""
    if -_HASHES <= code < 0 and code == int(code):
        return -1 - int(code)
    return (bits_of(rounded(code)) * 0x9E3779B1 & 0xFFFFFFFF) >> (32 - HASH_BITS)


def _smallest(hashes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(hashes))[:KEPT_HASHES])
