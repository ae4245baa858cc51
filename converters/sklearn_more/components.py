"""Products with components and of columns, in the order of scikit-learn's own arithmetic.

Trees behind them turn the last bit of a number into another answer. Where no trees follow,
skl2onnx's own converters do: they compute in float32, which is quicker.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from sklearn.decomposition import PCA, IncrementalPCA, TruncatedSVD
from sklearn.preprocessing import PolynomialFeatures

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import Write

__all__ = ["IN_ORDER"]


def _components(nodes: Nodes, model: PCA) -> None:
    """Project on components, subtract the projected mean, and divide by deviations if asked to."""
    directions = np.asarray(model.components_, dtype=np.float64).T
    mean = np.asarray(model.mean_, dtype=np.float64).reshape(1, -1) @ directions
    said = nodes("Sub", nodes.linear(nodes.x, directions), mean)
    if model.whiten:
        deviations = np.sqrt(np.asarray(model.explained_variance_))
        least = np.finfo(deviations.dtype).eps
        said = nodes("Div", said, np.maximum(deviations, least).reshape(1, -1))
    nodes.say_numbers(said)


def _singular_vectors(nodes: Nodes, model: TruncatedSVD) -> None:
    """Project on the right singular vectors."""
    nodes.say_numbers(nodes.linear(nodes.x, model.components_.T))


def _products(nodes: Nodes, model: PolynomialFeatures) -> None:
    """Multiply columns: products of one more factor are those of one less times a column."""
    powers = np.asarray(model.powers_)
    columns = [tuple(np.repeat(np.arange(len(row)), row).tolist()) for row in powers]
    known: dict[tuple[int, ...], int] = {(it,): it for it in range(powers.shape[1])}
    parts = {1: nodes.x}
    for degree in range(2, max(map(len, columns), default=0) + 1):
        found = sorted({it[len(it) - degree :] for it in columns if len(it) >= degree})
        fewer = nodes.columns(parts[degree - 1], np.array([known[it[1:]] for it in found]))
        factor = nodes.columns(nodes.x, np.array([it[0] for it in found]))
        parts[degree] = nodes.rounded(nodes("Mul", fewer, factor))
        known.update({it: place for place, it in enumerate(found)})
    nodes.say_numbers(_side_by_side(nodes, columns, parts, known))


def _side_by_side(
    nodes: Nodes,
    columns: list[tuple[int, ...]],
    parts: Mapping[int, str],
    known: Mapping[tuple[int, ...], int],
) -> str:
    """Return the products of columns in their order: ``float64[batch, len(columns)]``."""
    degrees = sorted({len(it) for it in columns})
    said = []
    for degree in degrees:
        places = np.array([known.get(it, 0) for it in columns if len(it) == degree])
        ones = nodes.for_every_row(np.ones((1, len(places))))
        said.append(nodes.columns(parts[degree], places) if degree else ones)
    order = np.argsort(np.argsort([len(it) for it in columns], kind="stable"), kind="stable")
    return nodes.columns(nodes("Concat", *said, axis=1), order)


IN_ORDER: Final[Mapping[type, Write]] = {
    IncrementalPCA: _components,
    PCA: _components,
    PolynomialFeatures: _products,
    TruncatedSVD: _singular_vectors,
}
"""What writes transformers before trees in the place of skl2onnx's own converters."""
