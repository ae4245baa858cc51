"""Maps that place a row as its nearest fitted rows are placed."""

import numpy as np
from sklearn.manifold import LocallyLinearEmbedding

from converters.sklearn_more.neighbours import fitted_distances, fitted_rows, nearest_rows
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(LocallyLinearEmbedding)
def locally_linear_embedding(nodes: Nodes, model: LocallyLinearEmbedding) -> None:
    """Place a row among its neighbours by the weights that make it of them."""
    near = nearest_rows(nodes, fitted_distances(nodes, model.nbrs_), model.n_neighbors)
    beside = nodes("Gather", fitted_rows(model.nbrs_), near, axis=0)
    apart = nodes("Sub", beside, nodes("Unsqueeze", nodes.x, np.array([1])))
    products = nodes("MatMul", apart, nodes("Transpose", apart, perm=[0, 2, 1]))
    ones = np.eye(model.n_neighbors)
    trace = nodes("ReduceSum", nodes("Mul", products, ones), np.array([1, 2]), keepdims=1)
    size = nodes("Where", nodes("Greater", trace, 0.0), trace, 1.0)
    raised = nodes("Add", products, nodes("Mul", nodes("Mul", size, float(model.reg)), ones))
    weights = _solved_for_ones(nodes, raised, model.n_neighbors)
    shares = nodes("Div", weights, nodes.total(weights))
    places = nodes("Gather", np.asarray(model.embedding_, dtype=np.float64), near, axis=0)
    parts = nodes("Mul", places, nodes("Unsqueeze", shares, np.array([2])))
    nodes.say_numbers(nodes.total(parts, keep=False))


def _solved_for_ones(nodes: Nodes, squares: str, count: int) -> str:
    """Return what positive definite squares make ones of: ``float64[batch, count]``.

    Args:
        nodes: Where to write.
        squares: ``float64[batch, count, count]``.
        count: How many rows and columns each square has.
    """
    ones = nodes("Add", nodes("Mul", nodes("Gather", squares, np.array([0]), axis=2), 0.0), 1.0)
    table = nodes("Concat", squares, ones, axis=2)
    for place in range(count):  # Gauss and Jordan; such squares need no other pivots
        pivot = nodes("Gather", table, np.array([place]), axis=1)
        row = nodes("Div", pivot, nodes("Gather", pivot, np.array([place]), axis=2))
        column = nodes("Gather", table, np.array([place]), axis=2)
        without = nodes("Sub", table, nodes("Mul", column, row))
        is_here = (np.arange(count) == place).reshape(-1, 1)
        table = nodes("Where", is_here, row, without)
    return nodes("Squeeze", nodes("Gather", table, np.array([count]), axis=2), np.array([2]))
