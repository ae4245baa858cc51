"""Gaussian processes: regression, and classification by Laplace's approximation."""

from typing import Final

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.base import BaseEstimator
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor

from converters.sklearn_more.covariances import covariance, variance
from converters.sklearn_more.multiclass import duel_scores
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.piecewise import error_function
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []

_SLOPES: Final = np.array([0.41, 0.4, 0.37, 0.44, 0.39])
_WEIGHTS: Final = np.array(
    [-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654]
)
"""A logistic curve as five error functions, as scikit-learn takes it (Williams and Barber, 1998).

They are large and cancel each other: the error functions must be right to some 12 digits."""

_MAX_NUMBERS: Final = 2**27
"""Of the tables of a classifier: 1 GB."""


@converts(GaussianProcessRegressor)
def gaussian_process_regressor(nodes: Nodes, model: GaussianProcessRegressor) -> None:
    """Predict the mean."""
    if not hasattr(model, "X_train_"):
        raise UsageError("GaussianProcessRegressor is not fitted: fit it before converting")
    alike = covariance(nodes, model.kernel_, np.asarray(model.X_train_, dtype=np.float64))
    weights = np.asarray(model.alpha_).reshape(len(model.X_train_), -1)
    mean = nodes.linear(alike, weights * model._y_train_std, np.atleast_1d(model._y_train_mean))
    nodes.say_numbers(mean)


@converts(GaussianProcessClassifier)
def gaussian_process_classifier(nodes: Nodes, model: GaussianProcessClassifier) -> None:
    """Say the class, and probabilities where there are any."""
    inner, classes = model.base_estimator_, np.asarray(model.classes_)
    members = [inner] if model.n_classes_ == 2 else list(inner.estimators_)
    if sum(len(it.X_train_) ** 2 for it in members) > _MAX_NUMBERS:
        raise UsageError(
            f"GaussianProcessClassifier of {len(members[0].X_train_):,} rows cannot be converted: "
            "its tables would take more than 1 GB; fit it on fewer rows, or use SVC"
        )
    said = [_binary(nodes, it) for it in members]
    sure = nodes("Concat", *(share for _, share in said), axis=1)
    if model.n_classes_ == 2:
        is_second = nodes("Greater", nodes("Squeeze", said[0][0], np.array([1])), 0.0)
        nodes.say_labels(nodes.cast(is_second, "int64"), classes)
        nodes.say_numbers(nodes("Concat", nodes("Sub", 1.0, sure), sure, axis=1), 1)
    elif model.multi_class == "one_vs_rest":
        nodes.say_labels(nodes.largest(sure), classes)
        total = nodes.total(sure)
        nodes.say_numbers(
            nodes("Div", sure, nodes("Where", nodes("Equal", total, 0.0), 1.0, total)), 1
        )
    else:
        means = nodes("Concat", *(mean for mean, _ in said), axis=1)
        won = nodes.cast(nodes("Greater", means, 0.0), "float64")
        nodes.say_class(duel_scores(nodes, won, sure, len(classes)), classes)


def _binary(nodes: Nodes, model: BaseEstimator) -> tuple[str, str]:
    """Return the latent mean and the probability of the second class: ``float64[batch, 1]``."""
    rows = np.asarray(model.X_train_, dtype=np.float64)
    alike = covariance(nodes, model.kernel_, rows)
    mean = nodes.linear(alike, (model.y_train_ - model.pi_).reshape(-1, 1))
    whitened = solve_triangular(model.L_, np.diag(model.W_sr_), lower=True)
    known = nodes.linear(alike, whitened.T)
    spread = nodes("Sub", variance(nodes, model.kernel_), nodes.total(nodes("Mul", known, known)))
    slopes = _SLOPES.reshape(1, -1)
    # alpha / (alpha + slope**2) with alpha = 1 / (2 * spread), and so on, without the fractions
    width = nodes("Add", nodes("Mul", spread, 2.0 * slopes**2), 1.0)
    scaled = nodes("Div", nodes("Mul", mean, slopes), nodes("Sqrt", width))
    curves = error_function(nodes, scaled)
    share = nodes.linear(curves, 0.5 * _WEIGHTS.reshape(-1, 1), np.float64(0.5 * _WEIGHTS.sum()))
    return mean, share
