"""Distances to the nearest fitted rows, as a table."""

from sklearn.neighbors import KNeighborsTransformer

from converters.sklearn_more.neighbours import fitted_distances, nearest_rows
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(KNeighborsTransformer)
def neighbours_transformer(nodes: Nodes, model: KNeighborsTransformer) -> None:
    """Give the distances to the nearest fitted rows, and zero to all others."""
    apart = fitted_distances(nodes, model)
    is_distance = model.mode == "distance"
    near = nearest_rows(nodes, apart, model.n_neighbors + int(is_distance))
    values = nodes("GatherElements", apart, near, axis=1)
    if not is_distance:
        values = nodes("Add", nodes("Mul", values, 0.0), 1.0)
    nodes.say_numbers(nodes("ScatterElements", nodes("Mul", apart, 0.0), near, values, axis=1))
