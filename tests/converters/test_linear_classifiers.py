"""Classifiers whose classes are told apart by digits that a float32 has not; and far rows."""

from typing import Final

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import BisectingKMeans, KMeans
from sklearn.linear_model import (
    LogisticRegression,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.naive_bayes import CategoricalNB
from sklearn.svm import LinearSVC

from edge_contract.errors import EdgeError
from tests.converters.helpers import Labels, quietly_converted, says

_RNG: Final = np.random.default_rng(21)
_ROWS: Final = _RNG.normal(size=(160, 3)).astype(np.float32).astype(np.float64)
_THREE: Final = np.digitize(_ROWS[:, 0], [-0.3, 0.4])


def found_by(model: BaseEstimator, rows: Labels) -> list[Labels]:
    package = quietly_converted(model, _ROWS[:60])
    return list(says(package, {"X": rows.astype(np.float32)}).values())


def test_classes_that_differ_beyond_float32_are_told_apart() -> None:
    model = LinearSVC().fit(_ROWS, _THREE)
    model.coef_[:] = [[0.5, 0.0, 0.0], [0.5, 1e-9, 0.0], [0.5, 0.0, 1e-9]]
    model.intercept_[:] = -1.0

    (label,) = found_by(model, _ROWS)

    assert label.tolist() == model.predict(_ROWS).tolist()
    assert np.bincount(label).min() > 20


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "make",
    [
        lambda: SGDClassifier(loss="modified_huber", random_state=0),
        lambda: SGDClassifier(loss="log_loss", random_state=0),
        lambda: LogisticRegression(C=100.0, fit_intercept=False),
        RidgeClassifier,
    ],
    ids=["modified huber", "log loss", "logistic", "ridge"],
)
def test_far_rows_and_zeros_have_the_labels_and_probabilities_of_the_source(
    make: type[BaseEstimator], classes: int
) -> None:
    model = make().fit(_ROWS, np.minimum(_THREE, classes - 1))
    rows = np.concatenate([_ROWS, _ROWS * 4096, np.zeros((1, 3))])

    label, *probabilities = found_by(model, rows)

    assert label.tolist() == model.predict(rows).tolist()
    for found in probabilities:
        assert found == pytest.approx(model.predict_proba(rows), abs=1e-6)


def test_a_ridge_of_several_labels_says_them_all() -> None:
    model = RidgeClassifier().fit(_ROWS, np.column_stack([_THREE > 0, _THREE > 1]).astype(int))

    (label,) = found_by(model, _ROWS)

    assert label.tolist() == model.predict(_ROWS).tolist()


@pytest.mark.parametrize("kind", [KMeans, BisectingKMeans])
def test_the_nearest_centre_of_rows_far_away_is_still_known(kind: type[BaseEstimator]) -> None:
    rows = np.column_stack([_ROWS[:, 0], np.zeros(160), _ROWS[:, 1]])
    model = kind(4, n_init=1, random_state=0).fit(rows)
    far = rows.copy()
    far[:, 1] = 2.0**40

    (label,) = found_by(model, far)

    assert label.tolist() == model.predict(far).tolist()


def test_a_number_that_is_no_category_fails_as_in_scikit_learn() -> None:
    rows = _RNG.integers(0, 3, size=(90, 2)).astype(np.float64)
    model = CategoricalNB().fit(rows, rows[:, 0] > 0)
    package = quietly_converted(model, rows[:30])

    label, _ = says(package, {"X": np.array([[0.9, 2.0]], dtype=np.float32)}).values()

    assert label.tolist() == model.predict([[0.9, 2.0]]).tolist()
    for number in (3.0, -1.0):
        with pytest.raises(EdgeError):
            says(package, {"X": np.array([[number, 0.0]], dtype=np.float32)})
