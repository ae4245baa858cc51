"""Models that compare rows with some that they were fitted on, through a kernel."""

import numpy as np
from sklearn.decomposition import KernelPCA
from sklearn.kernel_approximation import Nystroem
from sklearn.kernel_ridge import KernelRidge
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from converters.sklearn_more.kernel_functions import kernel
from converters.sklearn_more.neighbours import distances, nearest_rows
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__ = ["project"]


@converts(KernelRidge)
def kernel_ridge(nodes: Nodes, model: KernelRidge) -> None:
    """Predict the targets."""
    settings = {"gamma": model.gamma, "degree": model.degree, "coef0": model.coef0}
    similar = kernel(nodes, nodes.x, model.X_fit_, model.kernel, **settings)
    coefficients = np.asarray(model.dual_coef_)
    nodes.say_numbers(nodes.linear(similar, coefficients.reshape(len(coefficients), -1)))


@converts(Nystroem)
def nystroem(nodes: Nodes, model: Nystroem) -> None:
    """Give the features that approximate the kernel."""
    if model.kernel_params:
        raise UsageError("Nystroem with kernel_params cannot be converted: use gamma and the like")
    settings = {"gamma": model.gamma, "degree": model.degree, "coef0": model.coef0}
    similar = kernel(nodes, nodes.x, model.components_, model.kernel, **settings)
    nodes.say_numbers(nodes.linear(similar, model.normalization_.T))


@converts(KernelPCA)
def kernel_pca(nodes: Nodes, model: KernelPCA) -> None:
    """Project on the principal components of the kernel."""
    settings = {"gamma": model.gamma_, "degree": model.degree, "coef0": model.coef0}
    similar = kernel(nodes, nodes.x, getattr(model, "X_fit_", None), model.kernel, **settings)
    nodes.say_numbers(project(nodes, model, similar))


def project(nodes: Nodes, model: KernelPCA, similar: str) -> str:
    """Return what a kernel PCA makes of kernel values, ``[batch, fitted rows]``."""
    centred = model._centerer
    row_mean = nodes("ReduceMean", similar, np.array([1]), keepdims=1)
    shifted = nodes("Sub", similar, np.asarray(centred.K_fit_rows_, dtype=np.float64))
    shifted = nodes("Sub", shifted, row_mean)
    shifted = nodes("Add", shifted, np.float64(centred.K_fit_all_))
    present = np.flatnonzero(model.eigenvalues_)
    directions = np.zeros(model.eigenvectors_.shape)
    directions[:, present] = model.eigenvectors_[:, present] / np.sqrt(model.eigenvalues_[present])
    return nodes.linear(shifted, directions)


@converts(LabelPropagation, LabelSpreading)
def label_propagation(nodes: Nodes, model: LabelPropagation) -> None:
    """Weigh the labels of rows that are alike."""
    match model.kernel:
        case "rbf":
            weights = kernel(nodes, nodes.x, model.X_, "rbf", gamma=model.gamma)
            if model.X_.dtype == np.float32:  # far from all rows, nothing is left of them
                weights = nodes.cast(nodes.cast(weights, "float32"), "float64")
            votes = nodes.linear(weights, model.label_distributions_)
        case "knn":
            apart = distances(nodes, nodes.x, model.X_)
            near = nearest_rows(nodes, apart, model.n_neighbors)
            chosen = nodes("Gather", model.label_distributions_, near, axis=0)
            votes = nodes.total(chosen, keep=False)
        case other:
            raise UsageError(f"the kernel {other!r} cannot be converted: use 'rbf' or 'knn'")
    shares = nodes("Div", votes, nodes.total(votes))
    nodes.say_class(shares, model.classes_)
