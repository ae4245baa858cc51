"""Spline features: polynomials on pieces of each column's range.

They are computed by de Boor's recursion, as scipy does: outside its pieces a spline is exactly
zero, which trees behind it tell from next to nothing.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import SplineTransformer

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []

_LAST: Final = np.array([2])
"""The axis of the splines."""


@converts(SplineTransformer)
def spline_transformer(nodes: Nodes, model: SplineTransformer) -> None:
    """Give the value of every basis spline of every column."""
    count = model.bsplines_[0].c.shape[1]
    value = _basis(nodes, model)
    if not model.include_bias:
        value = nodes("Gather", value, np.arange(count - 1), axis=2)
    nodes.say_numbers(nodes("Reshape", value, np.array([0, -1])))


def _basis(nodes: Nodes, model: SplineTransformer) -> str:
    """Return the values of all splines: ``float64[batch, columns, splines]``."""
    low, high = (np.array([ends]) for ends in zip(*_ends(model), strict=True))
    missing = nodes("IsNaN", nodes.x)
    given = nodes("Where", missing, low, nodes.x)
    inside = nodes("Min", nodes("Max", given, low), high)
    match model.extrapolation:
        case "periodic":
            value = _splines(nodes, _wrapped(nodes, given, low, high - low), model)
        case "continue":
            value = _splines(nodes, given, model)
        case "linear":
            beyond = nodes("Sub", given, inside)  # negative below, positive above, else zero
            value = _splines(nodes, inside, model)
            for kind, place in (("Min", 0), ("Max", 1)):
                run = nodes("Unsqueeze", nodes(kind, beyond, 0.0), _LAST)
                value = nodes("Add", value, nodes("Mul", run, _slopes(model, place)))
        case "error":
            outside = nodes("Or", nodes("Less", given, low), nodes("Greater", given, high))
            value = _splines(nodes, inside, model)
            value = nodes("Where", nodes("Unsqueeze", outside, _LAST), np.nan, value)
        case _:
            value = _splines(nodes, inside, model)
    return nodes("Where", nodes("Unsqueeze", missing, _LAST), 0.0, value)


def _ends(model: SplineTransformer) -> list[tuple[float, float]]:
    """Return the ends of every column's range.

    Where scikit-learn goes on in a straight line, and pieces are straight themselves, it takes the
    next knots of all columns but the first.
    """
    is_straight = model.extrapolation == "linear" and model.degree == 1
    places = [model.degree + int(is_straight and it > 0) for it in range(len(model.bsplines_))]
    return [
        (float(spline.t[at]), float(spline.t[-at - 1]))
        for at, spline in zip(places, model.bsplines_, strict=True)
    ]


def _wrapped(nodes: Nodes, x: str, low: NDArray[np.float64], period: NDArray[np.float64]) -> str:
    """Return values moved into the range by whole periods, as Python's ``%`` does."""
    rest = nodes("Mod", nodes("Sub", x, low), period, fmod=1)
    rest = nodes("Where", nodes("Less", rest, 0.0), nodes("Add", rest, period), rest)
    return nodes("Add", rest, low)


def _slopes(model: SplineTransformer, place: int) -> NDArray[np.float64]:
    """Return the slopes at an end of the range, of the splines that go on beyond it: three axes."""
    ends = [ends[place] for ends in _ends(model)]
    pairs = zip(model.bsplines_, ends, strict=True)
    slopes = np.stack([spline(end, nu=1) for spline, end in pairs])
    places = np.arange(slopes.shape[1])
    going_on = max(model.degree, 1) + (model.degree == 1)
    kept = (places if place == 0 else places[::-1]) < going_on
    return np.where(kept, slopes, 0.0)[np.newaxis]


def _splines(nodes: Nodes, x: str, model: SplineTransformer) -> str:
    """Return the values of all splines in the range: ``float64[batch, columns, splines]``."""
    degree = model.degree
    knots = np.stack([spline.t for spline in model.bsplines_])
    first, last = degree, knots.shape[1] - degree - 1
    inner = knots[:, first + 1 : last]
    if not inner.shape[1]:
        inner = np.full((len(knots), 1), np.inf)
    wide = nodes("Unsqueeze", x, _LAST)
    passed = nodes.cast(nodes("GreaterOrEqual", wide, inner[np.newaxis]), "int64")
    piece = nodes.total(passed, axis=2, keep=False)
    place = nodes("Add", piece, np.arange(len(knots)).reshape(1, -1) * (last - first))

    def by_piece(values: NDArray[np.float64]) -> str:
        """Return what belongs to the piece of each value, of ``[columns * pieces, several]``."""
        return nodes("Gather", values, place, axis=0)

    found = nodes("Add", nodes("Mul", wide, 0.0), 1.0)
    for order in range(1, degree + 1):
        starts = np.arange(first, last)[:, np.newaxis] + np.arange(1, order + 1)
        upper = knots[:, starts].reshape(-1, order)
        lower = knots[:, starts - order].reshape(-1, order)
        widths = np.where(upper == lower, np.inf, upper - lower)
        weights = nodes("Div", found, by_piece(widths))
        falling = nodes("Mul", weights, nodes("Sub", by_piece(upper), wide))
        rising = nodes("Mul", weights, nodes("Sub", wide, by_piece(lower)))
        found = nodes(
            "Add",
            nodes("Pad", falling, np.array([0, 0, 0, 0, 0, 1])),
            nodes("Pad", rising, np.array([0, 0, 1, 0, 0, 0])),
        )
    rows = np.arange(last - first)[:, np.newaxis] + np.arange(degree + 1)
    shares = np.stack([spline.c[rows] for spline in model.bsplines_])
    chosen = by_piece(shares.reshape(-1, *shares.shape[2:]))
    product = nodes("MatMul", nodes("Unsqueeze", found, np.array([2])), chosen)
    return nodes("Squeeze", product, np.array([2]))
