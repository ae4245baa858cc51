"""Thresholds of every kind: of scores, of the first class, and those that were searched for."""

from typing import Final

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.feature_selection import RFE
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDOneClassSVM,
)
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from tests.converters.helpers import Labels, quietly_converted, says

_RNG: Final = np.random.default_rng(11)
_ROWS: Final = _RNG.normal(size=(200, 3)).astype(np.float32).astype(np.float64)
_UNSEEN: Final = _RNG.normal(size=(500, 3)).astype(np.float32).astype(np.float64)
_LABELS: Final = np.where(_ROWS[:, 0] + 0.4 * _RNG.normal(size=200) > 0.5, "no", "\u00e9")


def found_by(model: BaseEstimator) -> list[Labels]:
    package = quietly_converted(model, _ROWS[:50])
    return list(says(package, {"X": _UNSEEN.astype(np.float32)}).values())


@pytest.mark.parametrize(
    "model",
    [
        FixedThresholdClassifier(LinearSVC(), threshold=0.2),
        FixedThresholdClassifier(RidgeClassifier(), threshold=-0.3, pos_label="no"),
        FixedThresholdClassifier(LogisticRegression(), threshold=0.9, pos_label="no"),
        FixedThresholdClassifier(LogisticRegression(), response_method="decision_function"),
        TunedThresholdClassifierCV(LinearSVC(), cv=2),
        TunedThresholdClassifierCV(
            LogisticRegression(), cv=2, scoring=make_scorer(f1_score, pos_label="no")
        ),
    ],
    ids=str,
)
def test_the_label_keeps_its_threshold(model: BaseEstimator) -> None:
    model.fit(_ROWS, _LABELS)

    label, *probabilities = found_by(model)

    assert label.tolist() == model.predict(_UNSEEN).tolist()
    for found in probabilities:
        assert found == pytest.approx(model.predict_proba(_UNSEEN), abs=1e-6)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint64"])
def test_labels_of_few_bits_are_kept(kind: str) -> None:
    labels = np.digitize(_ROWS[:, 1], [-0.5, 0.5]).astype(kind)
    model = Perceptron().fit(_ROWS, labels)

    (label,) = found_by(model)

    assert label.tolist() == model.predict(_UNSEEN).tolist()
    assert model.classes_.dtype == np.dtype(kind)


def test_a_row_on_the_edge_is_an_inlier() -> None:
    model = SGDOneClassSVM(fit_intercept=False, random_state=0).fit(_ROWS)
    edge = np.zeros((2, 3), dtype=np.float32)

    package = quietly_converted(model, _ROWS[:50])

    label, scores = says(package, {"X": edge}).values()
    assert label.tolist() == model.predict(edge).tolist() == [1, 1]
    assert scores.ravel().tolist() == [0.0, 0.0]


def test_a_selection_predicts_inside_a_pipeline_also_without_probabilities() -> None:
    model = make_pipeline(RFE(LinearSVC(), n_features_to_select=2)).fit(_ROWS, _LABELS)

    (label,) = found_by(model)

    assert label.tolist() == model.predict(_UNSEEN).tolist()


def test_clusters_are_distances_before_a_model_of_several_labels() -> None:
    several = np.column_stack([_ROWS[:, 0] > 0, _ROWS[:, 1] > 0]).astype(int)
    clusters = KMeans(3, n_init=1, random_state=0)
    model = make_pipeline(clusters, ClassifierChain(LogisticRegression())).fit(_ROWS, several)

    (label,) = found_by(model)

    assert label.tolist() == model.predict(_UNSEEN).tolist()
