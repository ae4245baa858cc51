"""Gaps filled round by round, in the batches in which rows come; and rows that are written into."""

import numpy as np
import pytest
from sklearn.impute._iterative import IterativeImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_contract.errors import UsageError
from tests.converters.helpers import Numbers, quietly_converted, says


def rows_with_gaps(marker: float = np.nan) -> Numbers:
    rng = np.random.default_rng(9)
    rows = rng.normal(size=(120, 3))
    rows[:, 2] += rows[:, 0]
    rows[rng.random(rows.shape) < 0.2] = marker
    return rows


@pytest.mark.parametrize(
    "settings",
    [
        {"initial_strategy": "median", "imputation_order": "random", "add_indicator": True},
        {"initial_strategy": "most_frequent", "imputation_order": "arabic", "min_value": -0.5},
        {"initial_strategy": "constant", "fill_value": 7.0, "skip_complete": True},
        {"initial_strategy": "mean", "n_nearest_features": 1, "max_value": [0.5, 1.0, 2.0]},
    ],
    ids=str,
)
def test_a_batch_without_any_value_keeps_the_first_guess(settings: dict[str, object]) -> None:
    rows = rows_with_gaps()
    model = IterativeImputer(max_iter=2, tol=10.0, random_state=0, **settings).fit(rows[:90])
    batches = [rows[90:], np.full((1, 3), np.nan), np.full((4, 3), np.nan)]
    batches.append(np.vstack([np.full((1, 3), np.nan), rows[:3]]))

    package = quietly_converted(model, rows[80:110])

    for batch in batches:
        (found,) = says(package, {"X": batch.astype(np.float32)}).values()
        assert found == pytest.approx(model.transform(batch), rel=1e-4, abs=1e-5)


def test_rows_without_any_value_may_be_among_those_that_are_given() -> None:
    rows = rows_with_gaps()
    rows[1] = np.nan
    model = IterativeImputer(max_iter=2, tol=10.0, random_state=0).fit(rows)

    package = quietly_converted(model, rows[:30])

    (alone,) = says(package, {"X": rows[1:2].astype(np.float32)}).values()
    (among,) = says(package, {"X": rows[:5].astype(np.float32)}).values()
    assert alone == pytest.approx(model.transform(rows[1:2]), rel=1e-4)
    assert among == pytest.approx(model.transform(rows[:5]), rel=1e-4, abs=1e-5)


def test_neighbours_among_equal_rows_are_refused_with_what_to_do() -> None:
    rows = np.round(rows_with_gaps())
    imputer = IterativeImputer(KNeighborsRegressor(3), max_iter=1, tol=10.0).fit(rows)

    with pytest.raises(UsageError, match="use KNNImputer, or an estimator without neighbours"):
        quietly_converted(imputer, rows[:30])


def test_a_scaler_that_writes_into_its_rows_leaves_those_of_the_caller_alone() -> None:
    rows = np.random.default_rng(1).normal(3, 2, size=(80, 2))
    kept = rows.copy()
    model = make_pipeline(StandardScaler(copy=False), LogisticRegression())
    model.fit(rows.copy(), rows[:, 0] > 3)

    package = quietly_converted(model, rows)

    probabilities = list(says(package, {"X": kept.astype(np.float32)}).values())[1]
    assert rows.tolist() == kept.tolist()
    assert probabilities == pytest.approx(model.predict_proba(kept.copy()), abs=1e-5)
