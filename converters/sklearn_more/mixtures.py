"""Mixtures of normal distributions."""

import numpy as np
from numpy.typing import NDArray
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture

from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__: list[str] = []


@converts(BayesianGaussianMixture, GaussianMixture, keeps_parser=True)
def gaussian_mixture(nodes: Nodes, model: GaussianMixture) -> None:
    """Say which distribution a row is likeliest of, and the probabilities of all."""
    means = np.asarray(model.means_, dtype=np.float64)
    tops = np.diag(model._estimate_weighted_log_prob(means))  # where the exponent is zero
    scores = []
    for index, (mean, top) in enumerate(zip(means, tops.tolist(), strict=True)):
        turned = nodes.linear(nodes("Sub", nodes.x, mean), _root(model, index))
        size = nodes.total(nodes("Mul", turned, turned))
        scores.append(nodes("Add", nodes("Mul", size, -0.5), float(top)))
    together = nodes("Concat", *scores, axis=1)
    nodes.say_labels(nodes.largest(together), np.arange(len(means)))
    if len(nodes.outputs) > 1:
        nodes.say_numbers(nodes.softmax(together), 1)


def _root(model: GaussianMixture, index: int) -> NDArray[np.float64]:
    """Return the square root of a precision: ``[columns, columns]``."""
    found: NDArray[np.float64] = np.asarray(model.precisions_cholesky_, dtype=np.float64)
    width = model.means_.shape[1]
    match model.covariance_type:
        case "tied":
            return found
        case "full":
            return np.asarray(found[index])
        case "diag":
            return np.diag(found[index])
        case _:
            return np.diag(np.full(width, found[index]))
