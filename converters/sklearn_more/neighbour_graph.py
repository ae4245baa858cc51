"""Distances to the nearest fitted rows, as a table."""

from sklearn.neighbors import KNeighborsTransformer

from converters.sklearn_more.neighbours import (
    distances,
    fitted_rows,
    metric_power,
    nearest_rows,
)
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(KNeighborsTransformer)
def neighbours_transformer(nodes: Nodes, model: KNeighborsTransformer) -> None:
    """Give the distances to the nearest fitted rows, and zero to all others."""
    fitted = fitted_rows(model)
    apart = distances(nodes, nodes.x, fitted, power=metric_power(model.metric, model.p))
    is_distance = model.mode == "distance"
    near = nearest_rows(nodes, apart, model.n_neighbors + int(is_distance))
    values = nodes("GatherElements", apart, near, axis=1)
    if not is_distance:
        values = nodes("Add", nodes("Mul", values, 0.0), 1.0)
    nodes.say_numbers(nodes("ScatterElements", nodes("Mul", apart, 0.0), near, values, axis=1))
