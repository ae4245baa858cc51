"""Histogram gradient boosting with categories: of texts, numbers and truths, known or not."""

from typing import Final

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from edge_contract.errors import UsageError
from edge_contract.package import Package
from tests.converters.helpers import Labels, Numbers, quietly_converted, says

_CITIES: Final = ["Bern", "Oslo", "", "\u00d6r, \u65e5\u672c", "nan", "Rome"]


def table(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    grades = rng.integers(-2, 5, rows)
    plans = np.array(["a", "b", "c"], dtype=object)[grades % 3]
    plans[grades > 2] = None
    return pd.DataFrame(
        {
            "size": rng.normal(size=rows).astype(np.float32),
            "city": pd.Categorical(np.array(_CITIES)[rng.integers(0, 6, rows)]),
            "grade": pd.Categorical(grades),
            "member": pd.Categorical(rng.random(rows) < 0.4),
            "plan": pd.Categorical(plans),
        }
    )


def target(rows: pd.DataFrame) -> Numbers:
    codes = rows[["city", "grade", "plan"]].apply(lambda column: column.cat.codes)
    found: Numbers = (codes.sum(axis=1) % 4 + rows["size"]).to_numpy()
    return found


def fitted(kind: type[BaseEstimator], rows: pd.DataFrame, wanted: Labels) -> BaseEstimator:
    return kind(max_iter=12, min_samples_leaf=5, random_state=0).fit(rows, wanted)


def found_by(package: Package, rows: pd.DataFrame) -> list[Labels]:
    feeds: dict[str, Labels] = {}
    for spec in package.manifest.inputs:
        column = rows[[spec.name]]
        if spec.element_type == "string":
            feeds[spec.name] = column.astype(object).where(column.notna(), "").to_numpy()
        else:
            feeds[spec.name] = column.astype(np.float32).to_numpy()
    return list(says(package, feeds).values())


def test_a_classifier_of_a_table_with_categories_is_right_on_unseen_rows() -> None:
    rows = table()
    labels = np.digitize(target(rows), [1.0, 2.0])
    model = fitted(HistGradientBoostingClassifier, rows[:200], labels[:200])

    package = quietly_converted(model, rows[180:230])

    label, probabilities = found_by(package, rows[230:])
    assert label.tolist() == model.predict(rows[230:]).tolist()
    assert probabilities == pytest.approx(model.predict_proba(rows[230:]), abs=1e-6)


@pytest.mark.parametrize("column", ["city", "grade", "plan"])
def test_a_category_that_was_never_seen_goes_where_missing_ones_go(column: str) -> None:
    rows = table()
    model = fitted(HistGradientBoostingRegressor, rows[:200], target(rows[:200]))
    unknown = 99 if column == "grade" else "never seen"
    odd = rows[200:].assign(**{column: pd.Categorical([unknown] * 100)})

    package = quietly_converted(model, rows[180:230])

    (found,) = found_by(package, odd)
    assert found == pytest.approx(model.predict(odd), rel=1e-5, abs=1e-5)


def test_categories_of_an_array_are_whole_numbers_or_fractions() -> None:
    rng = np.random.default_rng(6)
    rows = np.column_stack([rng.normal(size=300), rng.integers(0, 40, 300) / 4])
    labels = (rows[:, 1] * 4 % 3 + rows[:, 0]) > 1
    boosted = HistGradientBoostingClassifier(categorical_features=[1], max_iter=10)
    model = CalibratedClassifierCV(boosted, cv=2).fit(rows[:200], labels[:200])
    unseen = np.concatenate([rows[200:], [[0.0, np.nan], [0.0, 77.0], [0.0, -1.0], [np.nan, 0.3]]])
    unseen = unseen.astype(np.float32).astype(np.float64)

    package = quietly_converted(model, rows[180:230].astype(np.float32).astype(np.float64))

    found = list(says(package, {"X": unseen.astype(np.float32)}).values())[1]
    assert found == pytest.approx(model.predict_proba(unseen), abs=1e-6)


def test_numbers_where_the_model_knows_texts_are_refused() -> None:
    rows = table()
    model = fitted(HistGradientBoostingRegressor, rows, target(rows))

    with pytest.raises(UsageError, match="does not accept the rows of X"):
        quietly_converted(model, rows.assign(city=pd.Categorical(np.arange(300) % 4)))


def test_texts_where_the_model_knows_numbers_are_refused() -> None:
    rows = table()
    model = fitted(HistGradientBoostingRegressor, rows, target(rows))

    with pytest.raises(UsageError, match="does not accept the rows of X"):
        quietly_converted(model, rows.assign(size="large"))
