"""Smooth functions that ONNX lacks in float64, as polynomials over equal parts of an interval."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.polynomial import Polynomial, chebyshev
from numpy.typing import NDArray
from scipy.special import erf

from converters.sklearn_more.nodes import Nodes

__all__ = ["Piecewise", "error_function"]

_DEGREE: Final = 9


@dataclass(frozen=True, slots=True)
class Piecewise:
    """A function of one number between two ends; beyond an end it stays what it is there.

    What is not a number stays so.

    Attributes:
        low: The lower end.
        high: The upper end.
        terms: By part, what powers of the distance from the part's middle are multiplied with, in
            widths of a part: ``float64[parts, degree + 1]``.
    """

    low: float
    high: float
    terms: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
        *,
        low: float,
        high: float,
        parts: int,
    ) -> Self:
        """Return what meets a function at Chebyshev's points of each part."""
        width = (high - low) / parts
        middles = low + (np.arange(parts) + 0.5) * width
        points = chebyshev.chebpts1(_DEGREE + 1) / 2
        values = function(middles.reshape(-1, 1) + points * width)
        terms = [Polynomial.fit(points, row, _DEGREE, domain=[-0.5, 0.5]) for row in values]
        table = np.zeros((parts, _DEGREE + 1))
        for part, polynomial in enumerate(terms):
            found = polynomial.convert().coef
            table[part, : len(found)] = found
        return cls(low, high, table)

    def write(self, nodes: Nodes, value: str) -> str:
        """Return the function of each value; both ``float64[batch, columns]``."""
        parts = len(self.terms)
        inside = nodes("Min", nodes("Max", value, self.low), self.high)
        scaled = nodes("Mul", nodes("Sub", inside, self.low), parts / (self.high - self.low))
        part = nodes("Min", nodes("Floor", scaled), float(parts - 1))
        part = nodes("Where", nodes("IsNaN", part), 0.0, part)
        off = nodes("Sub", nodes("Sub", scaled, part), 0.5)
        terms = nodes("Gather", self.terms, nodes.cast(part, "int64"), axis=0)
        powers = nodes(
            "Pow", nodes("Unsqueeze", off, np.array([2])), np.arange(_DEGREE + 1).astype(np.float64)
        )
        return nodes.total(nodes("Mul", terms, powers), axis=2, keep=False)


_ERROR_FUNCTION: Final = Piecewise.of(erf, low=-6.0, high=6.0, parts=192)


def error_function(nodes: Nodes, value: str) -> str:
    """Return the error function to 14 digits of 1; both ``float64[batch, columns]``."""
    return _ERROR_FUNCTION.write(nodes, value)
