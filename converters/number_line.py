"""Numbers of a float type in their order, so that one can step from each to its neighbours."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["FLOAT32", "FLOAT64", "NumberLine", "middle_of"]


@dataclass(frozen=True, slots=True)
class NumberLine:
    """All numbers of one float type. Places are whole numbers; 0 is at place 0.

    Attributes:
        kind: The type.
        bits: The type of whole numbers of its size.
        far: So many steps are far for a source that rounds, the nearest first.
    """

    kind: type[np.floating]
    bits: type[np.signedinteger]
    far: tuple[int, ...]

    def rounded(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the nearest numbers of this type."""
        with np.errstate(over="ignore"):
            return values.astype(self.kind)

    def place_of(self, values: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the places of finite numbers, rounded to this type."""
        bits = self.rounded(values).view(self.bits)
        magnitude = (bits & np.iinfo(self.bits).max).astype(np.int64)
        return np.where(bits < 0, -magnitude, magnitude)

    def at(self, places: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the numbers at some places; beyond the largest one, that one."""
        magnitude = np.minimum(np.abs(places), self._last).astype(self.bits)
        values = magnitude.view(self.kind).astype(np.float64)
        return np.where(places < 0, -values, values)

    def spacing(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far numbers of this type are from the next larger ones."""
        found: NDArray[np.floating] = np.spacing(np.abs(self.rounded(values)))
        return found.astype(np.float64)

    @property
    def _last(self) -> int:
        largest = np.array(np.finfo(self.kind).max, self.kind)
        return int(largest.view(self.bits))


FLOAT32: Final = NumberLine(np.float32, np.int32, (2**4, 2**8, 2**12, 2**16))
FLOAT64: Final = NumberLine(np.float64, np.int64, (2**6, 2**16, 2**26, 2**36))


def middle_of(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the places halfway; their sums may be larger than whole numbers get."""
    return low // 2 + high // 2 + (low & high & 1)
