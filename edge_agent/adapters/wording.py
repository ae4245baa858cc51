"""How messages show what callers gave: short, and with its kind."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["described", "shortened", "shown"]

_KINDS: Final = {"O": "objects", "U": "text", "T": "text"}
_MAX_NAMES: Final = 8


def described(array: "NDArray[np.generic]") -> str:
    """Return type and shape: ``float64[2, 63]``."""
    kind = _KINDS.get(array.dtype.kind, str(array.dtype))
    return f"{kind}[{', '.join(str(length) for length in array.shape)}]"


def shown(value: object) -> str:
    """Return a value with its kind, not too long: ``text 'abc'``."""
    return f"{'text ' if isinstance(value, str) else ''}{value!r:.40}"


def shortened(names: Sequence[str]) -> str:
    """Return the first names of many."""
    text = ", ".join(repr(name) for name in names[:_MAX_NAMES])
    left_out = len(names) - _MAX_NAMES
    return f"{text} and {left_out} more" if left_out > 0 else text
