"""Spline features: polynomials on pieces of each column's range."""

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import BSpline, PPoly
from sklearn.preprocessing import SplineTransformer

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(SplineTransformer)
def spline_transformer(nodes: Nodes, model: SplineTransformer) -> None:
    """Give the value of every basis spline of every column."""
    columns = []
    for index, spline in enumerate(model.bsplines_):
        value = _basis(nodes, nodes.column(nodes.x, index), spline, model)
        if not model.include_bias:
            value = nodes.columns(value, np.arange(spline.c.shape[1] - 1))
        columns.append(value)
    nodes.say_numbers(nodes("Concat", *columns, axis=1))


def _basis(nodes: Nodes, x: str, spline: BSpline, model: SplineTransformer) -> str:
    low, high = float(spline.t[spline.k]), float(spline.t[-spline.k - 1])
    missing = nodes("IsNaN", x)
    given = nodes("Where", missing, low, x)
    inside = nodes("Min", nodes("Max", given, low), high)
    match model.extrapolation:
        case "periodic":
            turns = nodes("Floor", nodes("Div", nodes("Sub", given, low), high - low))
            value = _pieces(nodes, nodes("Sub", given, nodes("Mul", turns, high - low)), spline)
        case "continue":
            value = _pieces(nodes, given, spline)
        case "linear":
            value = _pieces(nodes, inside, spline)
            beyond = nodes("Sub", given, inside)  # negative below, positive above, else zero
            slopes = [
                nodes("Mul", nodes(kind, beyond, 0.0), np.asarray(spline(at, nu=1)).reshape(1, -1))
                for kind, at in (("Min", low), ("Max", high))
            ]
            value = nodes("Add", value, nodes("Add", *slopes))
        case "error":
            outside = nodes("Or", nodes("Less", given, low), nodes("Greater", given, high))
            value = nodes("Where", outside, np.nan, _pieces(nodes, inside, spline))
        case _:
            value = _pieces(nodes, inside, spline)
    return nodes("Where", missing, 0.0, value)


def _pieces(nodes: Nodes, x: str, spline: BSpline) -> str:
    """Return the polynomials of the piece in which each value lies: ``[batch, splines]``."""
    first, last = spline.k, len(spline.t) - spline.k - 1
    starts = np.asarray(spline.t[first:last])
    parts = [PPoly.from_spline((spline.t, row, spline.k)).c[:, first:last] for row in spline.c.T]
    powers: NDArray[np.float64] = np.moveaxis(np.stack(parts, axis=2), 1, 0)
    passed = nodes.cast(nodes("GreaterOrEqual", x, starts[1:].reshape(1, -1)), "int64")
    piece = nodes.total(passed, keep=False)
    run = nodes("Sub", x, nodes("Unsqueeze", nodes("Gather", starts, piece, axis=0), np.array([1])))
    degrees = np.arange(spline.k, -1, -1, dtype=np.float64)
    terms = nodes("Unsqueeze", nodes("Pow", run, degrees.reshape(1, -1)), np.array([1]))
    product = nodes("MatMul", terms, nodes("Gather", powers, piece, axis=0))
    return nodes("Squeeze", product, np.array([1]))
