"""What skl2onnx does wrong with trees is put right, and the scalers before them are exact."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from tests.converters.helpers import digits, quietly_converted, says


def holey_rows() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(600, 5)).astype(np.float32)
    rows[rng.random(rows.shape) < 0.15] = np.nan
    labels = (np.nan_to_num(rows[:, 0], nan=1.0) + np.nan_to_num(rows[:, 1]) > 0.3).astype(int)
    return rows, labels


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(random_state=0),
        RandomForestClassifier(8, random_state=0),
        ExtraTreesClassifier(8, random_state=0),
        BaggingClassifier(DecisionTreeClassifier(), n_estimators=4, random_state=0),
        HistGradientBoostingClassifier(max_iter=8),
    ],
    ids=lambda model: type(model).__name__,
)
def test_missing_numbers_take_the_branch_that_the_trees_learned(model: ClassifierMixin) -> None:
    rows, labels = holey_rows()
    model.fit(rows[:300], labels[:300])

    package = quietly_converted(model, rows[300:])

    found = says(package, {"X": rows[300:]})["probabilities"]
    assert found == pytest.approx(model.predict_proba(rows[300:]), abs=1e-5)


def test_a_forest_that_never_saw_a_missing_number_is_tried_with_some() -> None:
    rows, labels = digits()
    model = RandomForestClassifier(10, random_state=0).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    made_up = package.manifest.evidence.parity["made_up_rows"]
    assert made_up == {
        "missing number": 32,
        "infinite number": 0,
        "negative infinite number": 0,
        "values between two rows": 64,
        "values beyond the rows": 64,
        "value at a threshold": 180,
    }


@pytest.mark.parametrize("scaler", [MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_a_scaler_before_trees_computes_to_the_last_bit(
    scaler: type[StandardScaler], kind: type[np.floating]
) -> None:
    rows, labels = digits()
    rows = rows.astype(kind)
    model = make_pipeline(scaler(), RandomForestClassifier(10, random_state=0))
    model.fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    found = says(package, {"X": rows.astype(np.float32)})["probabilities"]
    assert found == pytest.approx(model.predict_proba(rows), abs=1e-5)
