"""Transformers and regressors that are a matrix product, often after a shift."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import FeatureAgglomeration
from sklearn.cross_decomposition import CCA, PLSSVD, PLSCanonical, PLSRegression
from sklearn.decomposition import FactorAnalysis, FastICA, MiniBatchSparsePCA, SparsePCA
from sklearn.neural_network import BernoulliRBM
from sklearn.random_projection import GaussianRandomProjection, SparseRandomProjection

from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []

Matrix = NDArray[np.float64]


@converts(GaussianRandomProjection, SparseRandomProjection)
def random_projection(nodes: Nodes, model: SparseRandomProjection) -> None:
    """Project on random directions."""
    components = model.components_
    dense = components.toarray() if hasattr(components, "toarray") else components
    nodes.say_numbers(nodes.linear(nodes.x, dense.T))


@converts(FactorAnalysis)
def factor_analysis(nodes: Nodes, model: FactorAnalysis) -> None:
    """Give the expected factors."""
    weighted = model.components_ / model.noise_variance_
    covariance = np.linalg.inv(np.eye(len(weighted)) + weighted @ model.components_.T)
    nodes.say_numbers(nodes.linear(nodes("Sub", nodes.x, model.mean_), weighted.T @ covariance))


@converts(FastICA)
def fast_ica(nodes: Nodes, model: FastICA) -> None:
    """Give the independent sources."""
    shifted = nodes("Sub", nodes.x, model.mean_) if model.whiten else nodes.x
    nodes.say_numbers(nodes.linear(shifted, model.components_.T))


@converts(SparsePCA, MiniBatchSparsePCA)
def sparse_pca(nodes: Nodes, model: SparsePCA) -> None:
    """Give the coefficients of a ridge regression on the components."""
    components = model.components_
    gram = components @ components.T + model.ridge_alpha * np.eye(len(components))
    weights = np.linalg.solve(gram, components).T
    nodes.say_numbers(nodes.linear(nodes("Sub", nodes.x, model.mean_), weights))


@converts(CCA, PLSCanonical, PLSRegression)
def cross_decomposition(nodes: Nodes, model: PLSRegression) -> None:
    """Predict the targets."""
    shifted = nodes("Sub", nodes.x, np.asarray(model._x_mean))
    nodes.say_numbers(nodes.linear(shifted, model.coef_.T, np.atleast_1d(model.intercept_)))


@converts(PLSSVD)
def pls_svd(nodes: Nodes, model: PLSSVD) -> None:
    """Give the scores of the rows."""
    shifted = nodes("Sub", nodes.x, np.asarray(model._x_mean))
    scaled = nodes("Div", shifted, np.asarray(model._x_std))
    nodes.say_numbers(nodes.linear(scaled, model.x_weights_))


@converts(BernoulliRBM)
def restricted_boltzmann_machine(nodes: Nodes, model: BernoulliRBM) -> None:
    """Give the probabilities of the hidden units."""
    drive = nodes.linear(nodes.x, model.components_.T, model.intercept_hidden_)
    nodes.say_numbers(sigmoid(nodes, drive))


@converts(FeatureAgglomeration, numbers_only=True)
def feature_agglomeration(nodes: Nodes, model: FeatureAgglomeration) -> None:
    """Pool the columns of each cluster."""
    labels = np.asarray(model.labels_)
    groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    pools: dict[Callable[..., object], str] = {np.max: "ReduceMax", np.min: "ReduceMin"}
    if model.pooling_func is np.mean:
        weights = np.zeros((len(labels), len(groups)))
        for index, group in enumerate(groups):
            weights[group, index] = 1 / len(group)
        nodes.say_numbers(nodes.linear(nodes.x, weights))
        return
    kind = pools.get(model.pooling_func)
    if kind is None:
        raise UsageError(
            f"FeatureAgglomeration pools by {model.pooling_func!r}: use np.mean, np.max or np.min"
        )
    axis = np.array([1])
    pooled = [nodes(kind, nodes.columns(nodes.x, group), axis, keepdims=1) for group in groups]
    nodes.say_numbers(nodes("Concat", *pooled, axis=1))
