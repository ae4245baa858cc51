"""LightGBM and XGBoost: alone, as boosters and at the end of pipelines."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import lightgbm
import numpy as np
import pytest
import xgboost
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Task
from tests.converters.helpers import customers, diabetes, flowers, quietly_converted, says, tumours

Numbers = NDArray[np.float32] | NDArray[np.float64]
Data = tuple[Numbers, NDArray[np.float64]]


light = partial(LGBMClassifier, n_estimators=8, num_leaves=7, verbose=-1, n_jobs=1)
light_regressor = partial(LGBMRegressor, n_estimators=8, num_leaves=7, verbose=-1, n_jobs=1)
light_forest = partial(light, boosting_type="rf", bagging_freq=1, bagging_fraction=0.6)
light_regressing_forest = partial(
    light_regressor, boosting_type="rf", bagging_freq=1, bagging_fraction=0.6
)
extreme = partial(XGBClassifier, n_estimators=8, max_depth=3, n_jobs=1)
extreme_regressor = partial(XGBRegressor, n_estimators=8, max_depth=3, n_jobs=1)


def with_gaps(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    gappy = rows.copy()
    gappy[::5, 0] = np.nan
    gappy[1::7, 2] = np.nan
    return gappy


def cells() -> Data:
    rows, labels = tumours()
    return rows[:, :6].astype(np.float32), labels.astype(np.float64)


def gappy_cells() -> Data:
    rows, labels = tumours()
    return with_gaps(rows[:, :6]), labels.astype(np.float64)


def single_gappy_cells() -> Data:
    rows, labels = tumours()
    return with_gaps(rows[:, :6]).astype(np.float32), labels.astype(np.float64)


def holed_cells() -> Data:
    rows, labels = cells()
    return np.where(np.abs(rows) < 0.3, np.float32(0), rows), labels


def empty_patients() -> Data:
    rows, values = patients()
    values[np.isnan(rows[:, 0])] += 300  # so that trees ask whether a value is missing
    return rows.astype(np.float32), values


def petals() -> Data:
    rows, labels = flowers()
    return rows.to_numpy(dtype=np.float32), np.unique(labels, return_inverse=True)[1].astype(
        np.float64
    )


def patients() -> Data:
    rows, values = diabetes()
    return with_gaps(rows[:200]), values[:200]


def marked_patients() -> Data:
    rows, values = empty_patients()
    return np.where(np.isnan(rows), np.float32(-999.1), rows), values


def whole_patients() -> Data:
    rows, values = diabetes()
    return rows[:200], values[:200]


def shares() -> Data:
    rows, values = patients()
    return rows.astype(np.float32), values / 400


def two_targets() -> Data:
    rows, values = patients()
    return rows, np.column_stack([values, -values])


FAITHFUL: Final[Mapping[str, tuple[Callable[[], BaseEstimator], Callable[[], Data]]]] = {
    "LightGBM of two classes": (light, cells),
    "LightGBM of two classes with gaps": (light, gappy_cells),
    "LightGBM of three classes, one against all": (lambda: light(objective="ova"), petals),
    "LightGBM as a random forest": (light_forest, gappy_cells),
    "LightGBM as a random forest of three classes": (light_forest, petals),
    "LightGBM as a regressing random forest": (light_regressing_forest, patients),
    "LightGBM that drops trees": (lambda: light(boosting_type="dart"), cells),
    "LightGBM with a steep curve": (lambda: light(sigmoid=2.5), cells),
    "LightGBM that takes no value for 0": (lambda: light(use_missing=False), gappy_cells),
    "LightGBM with zeros that are missing": (lambda: light(zero_as_missing=True), holed_cells),
    "LightGBM of infinite edges": (lambda: light_regressor(objective="mape"), empty_patients),
    "LightGBM in a calibration, fitted before": (
        lambda: CalibratedClassifierCV(FrozenEstimator(light().fit(*cells()))),
        cells,
    ),
    "XGBoost of a line": (
        lambda: XGBRegressor(booster="gblinear", n_estimators=8, n_jobs=1),
        patients,
    ),
    "LightGBM with lines in its leaves": (lambda: light_regressor(linear_tree=True), patients),
    "LightGBM in a calibration": (lambda: CalibratedClassifierCV(light(), cv=2), cells),
    "LightGBM of three classes in a calibration": (
        lambda: CalibratedClassifierCV(light(), cv=2, ensemble=False),
        petals,
    ),
    "LightGBM regression": (light_regressor, patients),
    "LightGBM of whole rows": (light_regressor, whole_patients),
    "LightGBM of square roots": (lambda: light_regressor(reg_sqrt=True), patients),
    "LightGBM counts": (lambda: light_regressor(objective="poisson"), patients),
    "LightGBM quantile": (lambda: light_regressor(objective="quantile"), patients),
    "LightGBM share": (lambda: light_regressor(objective="cross_entropy"), shares),
    "LightGBM intensity": (lambda: light_regressor(objective="cross_entropy_lambda"), shares),
    "LightGBM behind a scaler": (
        lambda: make_pipeline(StandardScaler(), light()),
        single_gappy_cells,
    ),
    "XGBoost of two classes": (extreme, cells),
    "XGBoost of two classes with gaps": (extreme, gappy_cells),
    "XGBoost of three classes": (extreme, petals),
    "XGBoost that drops trees": (lambda: extreme(booster="dart", rate_drop=0.5), cells),
    "XGBoost random forest": (lambda: XGBRFClassifier(n_estimators=8, n_jobs=1), gappy_cells),
    "XGBoost hinge": (lambda: extreme(objective="binary:hinge"), cells),
    "XGBoost with zeros that are missing": (lambda: extreme(missing=0.0), gappy_cells),
    "XGBoost regression": (extreme_regressor, patients),
    "XGBoost of a given base": (lambda: extreme_regressor(base_score=70.0), patients),
    "XGBoost regressing random forest": (lambda: XGBRFRegressor(n_estimators=8), patients),
    "XGBoost counts": (lambda: extreme_regressor(objective="count:poisson"), patients),
    "XGBoost gamma": (lambda: extreme_regressor(objective="reg:gamma"), patients),
    "XGBoost share": (lambda: extreme_regressor(objective="reg:logistic"), shares),
    "XGBoost of two targets": (extreme_regressor, two_targets),
    "XGBoost of trees of two targets": (
        lambda: extreme_regressor(multi_strategy="multi_output_tree"),
        two_targets,
    ),
    "XGBoost of an objective of its own": (
        lambda: extreme_regressor(objective=lambda truth, said: (said - truth, said * 0 + 1)),
        patients,
    ),
    "XGBoost with a marker of many digits": (
        lambda: extreme_regressor(missing=-999.1),
        marked_patients,
    ),
    "XGBoost behind a scaler": (
        lambda: make_pipeline(StandardScaler(), extreme()),
        single_gappy_cells,
    ),
    "both in a vote": (
        lambda: VotingClassifier([("l", light()), ("x", extreme())], voting="soft"),
        cells,
    ),
}


@pytest.mark.parametrize("case", sorted(FAITHFUL))
def test_a_boosted_model_says_the_same_after_conversion(case: str) -> None:
    build, data = FAITHFUL[case]
    rows, truth = data()
    model = build().fit(rows, truth)

    package = quietly_converted(model, rows)

    name = package.manifest.inputs[0].name
    said, *_ = says(package, {name: rows.astype(np.float32)}).values()
    expected = model.predict(rows)
    assert said.shape == expected.shape
    np.testing.assert_allclose(said.astype(np.float64), expected, rtol=1e-4, atol=1e-4)
    assert package.manifest.evidence.parity["rows"] == len(rows)


def test_a_table_whose_names_lightgbm_spells_in_its_own_way_is_taken() -> None:
    table, labels = flowers()
    model = light().fit(table, labels)

    package = quietly_converted(model, table[table.columns[::-1]])

    assert package.manifest.classes == ("setosa", "versicolor", "virginica")
    assert [it.name for it in package.manifest.features] == list(table.columns)


def test_a_pipeline_of_mixed_columns_and_texts_as_labels_ends_in_a_booster() -> None:
    table, labels = customers()
    encoded = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), remainder="passthrough"
    )
    table = table.astype({"income (EUR)": np.float32}).rename(columns={"income (EUR)": "income"})
    model = make_pipeline(encoded, light())
    model.fit(table, labels)

    package = quietly_converted(model, table)

    assert package.manifest.classes == ("leaves", "stays")
    assert package.manifest.task is Task.BINARY
    assert [it.name for it in package.manifest.features] == list(table.columns)


def test_what_a_sparse_table_leaves_out_is_missing_to_xgboost_alone() -> None:
    table, labels = customers()
    table = table[["city", "plan"]]
    truth = (labels == "stays").astype(int)

    for booster in (extreme(), light()):
        model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), booster).fit(table, truth)
        package = quietly_converted(model, table)

        found = says(package, {"X": table.to_numpy(dtype=object)})["probabilities"]
        np.testing.assert_allclose(found.astype(float), model.predict_proba(table), atol=1e-5)


def test_a_boosted_model_has_plain_tensors_fixed_operator_sets_and_says_who_made_it() -> None:
    rows, labels = petals()

    package = quietly_converted(extreme().fit(rows, labels), rows)

    assert [output.role for output in package.manifest.outputs] == [
        OutputRole.LABEL,
        OutputRole.PROBABILITIES,
    ]
    assert package.manifest.outputs[1].tensor.shape[1] == 3
    assert package.manifest.artifacts[0].opsets == {"": 18, "ai.onnx.ml": 3}
    assert package.manifest.framework["xgboost"] == xgboost.__version__
    assert "lightgbm" not in package.manifest.framework


def early_light(rows: Numbers, labels: NDArray[np.float64]) -> LGBMClassifier:
    model = LGBMClassifier(n_estimators=20, verbose=-1, n_jobs=1)
    stop: list[Callable[..., object]] = [lightgbm.early_stopping(3, verbose=False)]
    model.fit(rows[:200], labels[:200], eval_X=rows[200:], eval_y=1 - labels[200:], callbacks=stop)
    assert model.best_iteration_ < 5
    return model


def early_extreme(rows: Numbers, labels: NDArray[np.float64]) -> XGBClassifier:
    model = extreme(early_stopping_rounds=3, base_score=0.5)
    upside_down = [(rows[200:], 1 - labels[200:])]
    model.fit(rows[:200], labels[:200], eval_set=upside_down, verbose=False)
    assert model.best_iteration < 4
    return model


@pytest.mark.parametrize("fitted", [early_light, early_extreme])
def test_a_model_that_stopped_early_counts_its_best_trees_alone(
    fitted: Callable[[Numbers, NDArray[np.float64]], BaseEstimator],
) -> None:
    rows, labels = cells()
    model = fitted(rows, labels)

    package = quietly_converted(model, rows)

    found = says(package, {package.manifest.inputs[0].name: rows})["probabilities"]
    np.testing.assert_allclose(found.astype(float), model.predict_proba(rows), rtol=1e-4)


def test_a_booster_of_lightgbm_is_a_classifier_with_the_classes_that_are_given() -> None:
    rows, labels = cells()
    booster = light().fit(rows, labels).booster_

    package = quietly_converted(booster, rows, classes=("benign", "malignant"))

    found = says(package, {package.manifest.inputs[0].name: rows})
    assert package.manifest.classes == ("benign", "malignant")
    np.testing.assert_allclose(
        found["probabilities"][:, 1].astype(float), booster.predict(rows), rtol=1e-4
    )
    assert package.manifest.framework["lightgbm"] == lightgbm.__version__


def test_a_booster_of_xgboost_is_a_regression_if_it_says_numbers() -> None:
    rows, values = patients()
    settings = {"max_depth": 3, "nthread": 1}
    booster = xgboost.train(settings, xgboost.DMatrix(rows, values), num_boost_round=8)

    package = quietly_converted(booster, rows)

    (found,) = says(package, {package.manifest.inputs[0].name: rows.astype(np.float32)}).values()
    assert package.manifest.task is Task.REGRESSION
    np.testing.assert_allclose(
        found.astype(float), booster.predict(xgboost.DMatrix(rows)), rtol=1e-4
    )


def test_a_ranker_is_a_model_of_another_task() -> None:
    rows, labels = cells()
    model = LGBMRanker(n_estimators=5, num_leaves=7, verbose=-1, n_jobs=1)
    model.fit(rows, labels, group=[100, 100, 100])

    package = quietly_converted(model, rows)

    (found,) = says(package, {package.manifest.inputs[0].name: rows}).values()
    np.testing.assert_allclose(
        found.ravel().astype(float), model.predict(rows), rtol=1e-4, atol=1e-6
    )


REFUSED: Final[Mapping[str, tuple[Callable[[], BaseEstimator], str]]] = {
    "raw scores": (
        lambda: extreme(objective="binary:logitraw"),
        "has no probabilities: use 'binary:logistic'",
    ),
    "own objective of XGBoost": (
        lambda: extreme(objective=lambda truth, said: (said - truth, said * 0 + 1)),
        "an objective of its own has no probabilities",
    ),
    "own objective of LightGBM": (
        lambda: light(objective=lambda truth, said: (said - truth, said * 0 + 1)),
        "has no probabilities",
    ),
}


@pytest.mark.filterwarnings("ignore:Cannot compute class probabilities:UserWarning")
@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_right_is_refused_with_the_reason(case: str) -> None:
    build, reason = REFUSED[case]
    rows, labels = cells()
    model = build().fit(np.round(rows), labels)

    with pytest.raises(UsageError, match=reason):
        quietly_converted(model, np.round(rows))


def test_several_labels_of_xgboost_are_said_at_once() -> None:
    rows, labels = cells()
    both = np.column_stack([labels, rows[:, 0] > 0])
    model = extreme().fit(rows, both)
    booster = xgboost.train({"objective": "binary:logistic"}, xgboost.DMatrix(rows, both), 3)

    package, of_booster = quietly_converted(model, rows), quietly_converted(booster, rows)

    (found,) = says(package, {package.manifest.inputs[0].name: rows}).values()
    (shares,) = says(of_booster, {of_booster.manifest.inputs[0].name: rows}).values()
    assert package.manifest.task is of_booster.manifest.task is Task.OTHER
    assert found.tolist() == model.predict(rows).tolist()
    expected = booster.predict(xgboost.DMatrix(rows))
    np.testing.assert_allclose(shares.astype(float), expected, rtol=1e-4)


def test_the_numbers_that_leaves_multiply_may_be_missing_or_infinite() -> None:
    rows, values = patients()
    model = light_regressor(linear_tree=True, min_child_samples=5).fit(rows, values)
    package = quietly_converted(model, rows)
    odd = rows[:6].copy()
    odd[range(6), range(6)] = [np.inf, -np.inf, np.nan, 1e30, 0.0, -1e30]

    (found,) = says(package, {package.manifest.inputs[0].name: odd.astype(np.float32)}).values()

    np.testing.assert_allclose(found.astype(float), model.predict(odd), rtol=1e-4)


def test_an_unfitted_booster_is_refused() -> None:
    rows, _ = cells()

    with pytest.raises(UsageError, match="LGBMClassifier is not fitted"):
        quietly_converted(light(), rows)


def test_a_booster_is_refused_with_too_few_classes() -> None:
    rows, labels = petals()
    booster = light().fit(rows, labels).booster_

    with pytest.raises(UsageError, match="tells 3 classes apart, but 2 were given"):
        quietly_converted(booster, rows, classes=("a", "b"))
