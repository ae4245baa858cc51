"""Clusterings that predict: which centre is nearest."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import (
    AffinityPropagation,
    Birch,
    BisectingKMeans,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
)
from sklearn.manifold import Isomap

from converters.sklearn_more.kernels import project
from converters.sklearn_more.neighbours import (
    distances,
    metric_power,
    nearest_rows,
    ranked_distances,
)
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []


@converts(AffinityPropagation, KMeans, MeanShift, MiniBatchKMeans)
def nearest_centre(nodes: Nodes, model: MeanShift) -> None:
    """Say the index of the nearest centre, and all distances."""
    if not model.cluster_centers_.shape[0]:
        raise UsageError(f"{type(model).__name__} found no clusters: it says -1 to every row")
    apart = distances(nodes, nodes.x, model.cluster_centers_)
    nearest = nodes.nearest(ranked_distances(nodes, nodes.x, model.cluster_centers_))
    nodes.say_labels(nearest, np.arange(model.cluster_centers_.shape[0]))
    nodes.say_numbers(apart, 1)


@converts(Birch)
def birch(nodes: Nodes, model: Birch) -> None:
    """Say the cluster of the nearest subcluster, and all distances."""
    apart = distances(nodes, nodes.x, model.subcluster_centers_)
    nearest = nodes.nearest(ranked_distances(nodes, nodes.x, model.subcluster_centers_))
    nodes.say_labels(nearest, np.asarray(model.subcluster_labels_))
    nodes.say_numbers(apart, 1)


@converts(BisectingKMeans)
def bisecting_k_means(nodes: Nodes, model: BisectingKMeans) -> None:
    """Say the leaf that a row reaches by taking the nearer half at every split."""
    shift = getattr(model, "_X_mean", 0.0)
    splits = list(_splits(model._bisecting_tree))
    leaves = np.zeros(len(model.cluster_centers_), dtype=np.int64)
    right_of = np.zeros((len(splits), len(leaves)))
    left_of = np.zeros((len(splits), len(leaves)))
    for index, split in enumerate(splits):
        left_of[index, list(_labels(split.left))] = 1.0
        right_of[index, list(_labels(split.right))] = 1.0
    centres = [np.stack([split.left.center, split.right.center]) + shift for split in splits]
    pairs = np.concatenate(centres) if centres else np.zeros((0, 1))
    apart = ranked_distances(nodes, nodes.x, pairs)
    to_left = nodes.columns(apart, np.arange(0, len(pairs), 2))
    to_right = nodes.columns(apart, np.arange(1, len(pairs), 2))
    goes_right = nodes.cast(nodes("Less", to_right, to_left), "float64")
    wrong_turns = nodes(
        "Add",
        nodes.linear(goes_right, left_of),
        nodes.linear(nodes("Sub", 1.0, goes_right), right_of),
    )
    nodes.say_labels(nodes.nearest(wrong_turns), np.arange(len(leaves)))
    nodes.say_numbers(distances(nodes, nodes.x, model.cluster_centers_), 1)


def _splits(node: "BisectingKMeans") -> Iterator["BisectingKMeans"]:
    if node.left is not None:
        yield node
        yield from _splits(node.left)
        yield from _splits(node.right)


def _labels(node: "BisectingKMeans") -> Iterator[int]:
    if node.left is None:
        yield int(node.label)
    else:
        yield from _labels(node.left)
        yield from _labels(node.right)


@converts(Isomap)
def isomap(nodes: Nodes, model: Isomap) -> None:
    """Give the place of a row, from its shortest ways to all fitted rows."""
    if model.n_neighbors is None:
        raise UsageError("Isomap with a radius cannot be converted: use n_neighbors")
    fitted: NDArray[np.generic] = np.asarray(model.nbrs_._fit_X)
    apart = distances(nodes, nodes.x, fitted, power=metric_power(model.metric, model.p))
    near = nearest_rows(nodes, apart, model.n_neighbors)
    first_leg = nodes("GatherElements", apart, near, axis=1)
    others = nodes("Gather", np.asarray(model.dist_matrix_, dtype=np.float64), near, axis=0)
    ways = nodes("Add", others, nodes("Unsqueeze", first_leg, np.array([2])))
    shortest = nodes("ReduceMin", ways, np.array([1]), keepdims=0)
    similar = nodes("Mul", nodes("Mul", shortest, shortest), -0.5)
    nodes.say_numbers(project(nodes, model.kernel_pca_, similar))
