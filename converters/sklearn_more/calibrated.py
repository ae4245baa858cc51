"""Calibrated classifiers, and those with a threshold of their own."""

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV

from converters.sklearn_more.answers import (
    binary_scores,
    probabilities_of,
    scores_of,
)
from converters.sklearn_more.arithmetic import sigmoid
from converters.sklearn_more.isotonic import interpolated
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts

__all__ = ["positive_place"]


@converts(CalibratedClassifierCV)
def calibrated_classifier(nodes: Nodes, model: CalibratedClassifierCV) -> None:
    """Take the mean of the calibrated probabilities."""
    said = [_calibrated(nodes, member) for member in model.calibrated_classifiers_]
    nodes.say_class(nodes.mean(said), model.classes_)


def _calibrated(nodes: Nodes, member: BaseEstimator) -> str:
    if member.method == "temperature":
        logits = _logits(nodes, member.estimator)
        return nodes.softmax(nodes("Mul", logits, float(member.calibrators[0].beta_)))
    is_binary = len(member.classes) == 2
    if is_binary:
        scores = binary_scores(nodes, member.estimator)
    elif hasattr(member.estimator, "decision_function"):
        scores = scores_of(nodes, member.estimator)
    else:
        scores = probabilities_of(nodes, member.estimator)
    shares = [
        _share(nodes, calibrator, nodes.column(scores, index))
        for index, calibrator in enumerate(member.calibrators)
    ]
    if is_binary:
        return nodes("Concat", nodes("Sub", 1.0, shares[0]), shares[0], axis=1)
    places = np.searchsorted(np.asarray(member.classes), np.asarray(member.estimator.classes_))
    table = np.eye(len(member.classes))[places]
    together = nodes.linear(nodes("Concat", *shares, axis=1), table)
    total = nodes.total(together)
    is_nothing = nodes("Equal", total, 0.0)
    normal = nodes("Div", together, nodes("Where", is_nothing, 1.0, total))
    return nodes("Where", is_nothing, 1.0 / len(member.classes), normal)


def _share(nodes: Nodes, calibrator: BaseEstimator, score: str) -> str:
    """Return the calibrated probability of one class: ``float64[batch, 1]``."""
    if hasattr(calibrator, "a_"):
        line = nodes("Add", nodes("Mul", score, float(-calibrator.a_)), float(-calibrator.b_))
        return sigmoid(nodes, line)
    points = np.asarray(calibrator.X_thresholds_)
    return interpolated(nodes, score, points, np.asarray(calibrator.y_thresholds_))


def _logits(nodes: Nodes, estimator: BaseEstimator) -> str:
    if not hasattr(estimator, "decision_function"):
        shares = probabilities_of(nodes, estimator)
        return nodes("Log", nodes("Add", shares, 1e-12))
    scores = scores_of(nodes, estimator)
    if len(estimator.classes_) == 2:
        return nodes("Concat", nodes("Neg", scores), scores, axis=1)
    return scores


def positive_place(model: FixedThresholdClassifier) -> int:
    """Return which of the two classes a threshold is for."""
    scorer = getattr(model, "_curve_scorer", None)
    label = model.pos_label if scorer is None else scorer._get_pos_label()
    return 1 if label is None else int(np.flatnonzero(np.asarray(model.classes_) == label)[0])


@converts(FixedThresholdClassifier, TunedThresholdClassifierCV)
def threshold_classifier(nodes: Nodes, model: FixedThresholdClassifier) -> None:
    """Say the positive class where its score reaches the threshold."""
    inner = getattr(model, "estimator_", model.estimator)
    classes, positive = np.asarray(model.classes_), positive_place(model)
    uses_probabilities = model.response_method != "decision_function"
    found = getattr(model, "best_threshold_", getattr(model, "threshold", "auto"))
    if found == "auto":
        found = 0.5 if uses_probabilities and hasattr(inner, "predict_proba") else 0.0
    has_probabilities = hasattr(inner, "predict_proba")
    if uses_probabilities and has_probabilities:
        score = nodes.column(probabilities_of(nodes, inner), positive)
    else:
        score = scores_of(nodes, inner)
        score = score if positive else nodes("Neg", score)
    is_positive = nodes("GreaterOrEqual", nodes("Squeeze", score, np.array([1])), float(found))
    place = nodes.cast(is_positive, "int64")
    nodes.say_labels(place if positive else nodes("Sub", np.int64(1), place), classes)
    if has_probabilities:
        nodes.say_numbers(probabilities_of(nodes, inner), 1)
    else:
        both = [score, nodes("Neg", score)]
        nodes.say_numbers(nodes("Concat", *(both[::-1] if positive else both), axis=1), 1)
