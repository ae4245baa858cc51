"""Isotonic regression: straight lines between points."""

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__ = ["interpolated"]


@converts(IsotonicRegression)
def isotonic_regression(nodes: Nodes, model: IsotonicRegression) -> None:
    """Predict by the line between the two nearest points."""
    points, values = nodes.edges(model.X_thresholds_), np.asarray(model.y_thresholds_)
    x = nodes.beside_edges(nodes.x)
    value = interpolated(nodes, x, points, values)
    if model.out_of_bounds != "clip":
        below = nodes("Less", x, float(points[0]))
        above = nodes("Greater", x, float(points[-1]))
        value = nodes("Where", nodes("Or", below, above), np.nan, value)
    nodes.say_numbers(value)


def interpolated(
    nodes: Nodes, x: str, points: NDArray[np.generic], values: NDArray[np.generic]
) -> str:
    """Return values on lines between points, and the outermost ones beyond: ``[batch, 1]``.

    Args:
        nodes: Where to write.
        x: ``float64[batch, 1]``.
        points: Rising.
        values: One at every point.
    """
    places = points.astype(np.float64)
    heights = values.astype(np.float64)
    if len(places) == 1:
        return nodes.for_every_row(heights.reshape(1, 1))
    inside = nodes("Min", nodes("Max", x, float(places[0])), float(places[-1]))
    passed = nodes.cast(nodes("GreaterOrEqual", inside, places[1:-1].reshape(1, -1)), "int64")
    index = nodes.total(passed)
    steps = np.diff(places)  # zero where float32 does not tell two points apart
    slopes = np.where(steps > 0, np.diff(heights) / np.where(steps > 0, steps, 1.0), 0.0)
    start = nodes("Gather", places[:-1], index, axis=0)
    run = nodes("Sub", inside, start)
    rise = nodes("Mul", run, nodes("Gather", slopes, index, axis=0))
    return nodes("Add", nodes("Gather", heights[:-1], index, axis=0), rise)
