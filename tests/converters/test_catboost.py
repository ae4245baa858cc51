"""CatBoost: alone, in pipelines, and inside other models."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import pytest
from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor, sum_models
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from converters.sklearn_more.catboost_categories import Categories
from converters.sklearn_more.catboost_counts import Columns, lookup_of
from converters.sklearn_more.catboost_file import Counted, Counts, Hash
from edge_contract.errors import UsageError
from edge_contract.package import Task
from tests.converters.helpers import quietly_converted, says

Numbers = NDArray[np.float32]

SMALL: Final[dict[str, object]] = {
    "iterations": 8, "depth": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False
}  # fmt: skip
classifier = partial(CatBoostClassifier, **SMALL)
regressor = partial(CatBoostRegressor, **SMALL)


def gappy() -> tuple[Numbers, NDArray[np.float64]]:
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(200, 4)).astype(np.float32)
    rows[::5, 1] = np.nan
    exact = rows.astype(np.float64)
    return rows, np.nan_to_num(exact[:, 1], nan=2.0) + exact[:, 0]


def two(values: NDArray[np.float64]) -> NDArray[np.generic]:
    return values > 0


def three(values: NDArray[np.float64]) -> NDArray[np.generic]:
    return np.array(["low", "middle", "high"])[np.digitize(values, [0.0, 1.0])]


def as_they_are(values: NDArray[np.float64]) -> NDArray[np.generic]:
    return values


def both_ways(values: NDArray[np.float64]) -> NDArray[np.generic]:
    return np.column_stack([values, -values])


Truth = Callable[[NDArray[np.float64]], NDArray[np.generic]]

FAITHFUL: Final[Mapping[str, tuple[Callable[[], BaseEstimator], Truth]]] = {
    "two classes": (classifier, two),
    "three classes": (classifier, three),
    "one class against all others": (
        lambda: classifier(loss_function="MultiClassOneVsAll"),
        three,
    ),
    "branches level by level": (lambda: classifier(grow_policy="Depthwise"), three),
    "branches leaf by leaf": (lambda: regressor(grow_policy="Lossguide"), as_they_are),
    "gaps that are large": (lambda: regressor(nan_mode="Max"), as_they_are),
    "gaps that are large in uneven trees": (
        lambda: regressor(nan_mode="Max", grow_policy="Lossguide"),
        as_they_are,
    ),
    "counts": (lambda: regressor(loss_function="Poisson"), np.abs),
    "counts that mean nothing to its plain class": (
        lambda: CatBoost(SMALL | {"loss_function": "Poisson"}),
        np.abs,
    ),
    "mean and variance": (lambda: regressor(loss_function="RMSEWithUncertainty"), as_they_are),
    "several numbers": (lambda: regressor(loss_function="MultiRMSE"), both_ways),
    "one tree of one leaf": (lambda: regressor(iterations=1, l2_leaf_reg=1e12), as_they_are),
    "in a pipeline": (lambda: make_pipeline(StandardScaler(), classifier()), three),
    "in a calibration": (lambda: CalibratedClassifierCV(classifier(), cv=2), three),
    "in a vote": (lambda: VotingClassifier([("c", classifier())], voting="soft"), two),
    "in a stack": (lambda: StackingClassifier([("c", classifier())], cv=2), two),
    "in a search": (lambda: GridSearchCV(classifier(), {"depth": [2, 3]}, cv=2), three),
    "at a threshold": (lambda: FixedThresholdClassifier(classifier(), threshold=0.3), two),
    "one for each number": (lambda: MultiOutputRegressor(regressor()), both_ways),
}


@pytest.mark.parametrize("case", sorted(FAITHFUL))
def test_a_model_of_catboost_says_the_same_after_conversion(case: str) -> None:
    build, truth = FAITHFUL[case]
    rows, values = gappy()
    model = build().fit(rows, truth(values))

    package = quietly_converted(model, rows)

    found = list(says(package, {package.manifest.inputs[0].name: rows}).values())
    has_classes = package.manifest.task in {Task.BINARY, Task.MULTICLASS}
    expected = (model.predict_proba if has_classes else model.predict)(rows)
    np.testing.assert_allclose(found[-1].astype(float), expected, rtol=1e-4, atol=1e-6)
    if has_classes:
        assert found[0].astype(str).tolist() == _labels(model.predict(rows))
    assert "catboost" in package.manifest.framework


def _labels(said: NDArray[np.generic]) -> list[str]:
    is_flag = said.dtype == bool
    return (said.astype(int) if is_flag else said).astype(str).ravel().tolist()


def test_a_plain_model_of_classes_keeps_its_labels() -> None:
    rows, values = gappy()
    model = CatBoost(SMALL | {"loss_function": "MultiClass"}).fit(rows, three(values))

    package = quietly_converted(model, rows)

    assert package.manifest.classes == ("high", "low", "middle")
    assert dict(package.manifest.lineage)["parameters"] == {"loss_function": "MultiClass", **SMALL}
    found = says(package, {package.manifest.inputs[0].name: rows})["label"]
    assert found.tolist() == model.predict(rows, prediction_type="Class").ravel().tolist()


def test_scaled_and_summed_models_are_what_they_say() -> None:
    rows, values = gappy()
    models = [regressor().fit(rows, values), regressor().fit(rows, values**2)]
    summed = sum_models(models, weights=[2.0, -0.5])
    summed.set_scale_and_bias(3.0, 10.0)

    package = quietly_converted(summed, rows)

    (found,) = says(package, {package.manifest.inputs[0].name: rows}).values()
    np.testing.assert_allclose(found.astype(float), summed.predict(rows), rtol=1e-4, atol=1e-4)


def test_a_ranker_says_no_numbers_of_a_regression() -> None:
    rows, values = gappy()
    ranker = CatBoostRanker(**SMALL)
    ranker.fit(rows, np.digitize(values, [0.0, 1.0]), group_id=np.arange(200) // 20)

    package = quietly_converted(ranker, rows)

    assert package.manifest.task is Task.OTHER


def test_a_loaded_model_is_converted_like_the_one_that_was_saved(tmp_path: object) -> None:
    rows, values = gappy()
    path = f"{tmp_path}/model.cbm"
    classifier().fit(rows, two(values)).save_model(path)
    loaded = CatBoostClassifier().load_model(path)

    package = quietly_converted(loaded, rows)

    found = says(package, {package.manifest.inputs[0].name: rows})["probabilities"]
    np.testing.assert_allclose(found.astype(float), loaded.predict_proba(rows), rtol=1e-4)


NAMED: Final[Mapping[str, Callable[[], BaseEstimator]]] = {
    "alone": classifier,
    "in a pipeline": lambda: make_pipeline(classifier()),
    "in a search": lambda: GridSearchCV(classifier(), {"depth": [2, 3]}, cv=2),
    "in a vote": lambda: VotingClassifier([("c", classifier())], voting="soft"),
    "in a calibration": lambda: CalibratedClassifierCV(classifier(), cv=2),
}


@pytest.mark.parametrize("case", sorted(NAMED))
def test_columns_in_another_order_are_sorted_by_name_as_catboost_does(case: str) -> None:
    rows, values = gappy()
    table = pd.DataFrame(rows, columns=["a", "b", "c", "d"])
    model = NAMED[case]().fit(table, two(values))

    package = quietly_converted(model, table[["d", "b", "a", "c"]])

    assert [it.name for it in package.manifest.features] == ["a", "b", "c", "d"]


def travellers() -> tuple[pd.DataFrame, NDArray[np.int64]]:
    rng = np.random.default_rng(6)
    table = pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Oslo", "Rome", "Zürich"], 200),
            "age": rng.normal(40, 9, 200).astype(np.float32),
            "rooms": rng.integers(1, 6, 200),
            "member": rng.random(200) < 0.5,
        }
    )
    far = table["city"].isin(["Oslo", "Zürich"]).to_numpy() ^ (table["rooms"] == 3).to_numpy()
    return table, far.astype(np.int64) + table["member"].to_numpy()


def of_categories(**more: object) -> CatBoostClassifier:
    return CatBoostClassifier(**SMALL | {"cat_features": ["city", "rooms", "member"]} | more)


def fed(table: pd.DataFrame) -> dict[str, NDArray[np.generic]]:
    return {
        "city": np.array(table[["city"]], dtype=object),
        **{it: table[[it]].to_numpy(dtype=np.float32) for it in ("age", "rooms", "member")},
    }


COUNTING: Final[Mapping[str, dict[str, object]]] = {
    "compared": {"one_hot_max_size": 99},
    "counted": {},
    "counted together": {"max_ctr_complexity": 3, "iterations": 40},
    "counted together with large gaps": {
        "max_ctr_complexity": 3, "iterations": 40, "depth": 5, "nan_mode": "Max"
    },
    "counted in other ways": {
        "simple_ctr": ["Buckets", "BinarizedTargetMeanValue", "Counter"],
        "max_ctr_complexity": 1,
        "iterations": 40,
    },
}  # fmt: skip


@pytest.mark.parametrize("case", sorted(COUNTING))
def test_categories_are_those_of_the_rows_and_others_are_unknown(case: str) -> None:
    table, labels = travellers()
    table.loc[::6, "age"] = np.nan
    model = of_categories(**COUNTING[case]).fit(table, labels)

    package = quietly_converted(model, table[["member", "rooms", "age", "city"]])

    assert [it.name for it in package.manifest.features] == ["city", "age", "rooms", "member"]
    mixed = table.assign(city=table["city"].to_numpy()[::-1])
    for asked in (table, mixed, table.assign(city="nowhere"), table.assign(rooms=77)):
        found = says(package, fed(asked))["probabilities"]
        np.testing.assert_allclose(found.astype(float), model.predict_proba(asked), rtol=1e-4)


def test_too_many_combinations_of_categories_are_refused() -> None:
    texts = [str(number) for number in range(500)]
    hashes: list[Hash] = [{"hash": place, "value": text} for place, text in enumerate(texts)]
    known = {column: {text: int(text) for text in texts} for column in (0, 1)}
    categories = Categories({"features_info": {"cat_features_hash": hashes}}, known, ("a", "b"))
    counted: Counted = {
        "borders": [0.5],
        "ctr_type": "Counter",
        "elements": [
            {"combination_element": "cat_feature_value", "cat_feature_index": column}
            for column in (0, 1)
        ],
        "identifier": "both",
        "prior_numerator": 0,
        "prior_denomerator": 1,
        "scale": 15,
        "shift": 0,
        "target_border_idx": 0,
    }
    counts: Counts = {"counter_denominator": 1, "hash_map": [], "hash_stride": 2}
    columns = Columns({}, {0: 0, 1: 1}, frozenset())

    with pytest.raises(UsageError, match=r"for 251,001 combinations .* max_ctr_complexity=1"):
        lookup_of(counted, counts, columns, categories)


def test_categories_as_whole_numbers_of_an_array_are_compared() -> None:
    rows = np.random.default_rng(2).integers(0, 6, (200, 3))
    labels = np.isin(rows[:, 1], [1, 3]) ^ (rows[:, 2] > 2)
    model = classifier(cat_features=[1], one_hot_max_size=99).fit(rows, labels)

    package = quietly_converted(model, rows)

    given = {package.manifest.inputs[0].name: rows.astype(np.float32)}
    found = says(package, given)["probabilities"]
    np.testing.assert_allclose(found.astype(float), model.predict_proba(rows), rtol=1e-4)


def test_whole_numbers_too_large_for_a_float32_are_compared_as_such() -> None:
    rows = np.random.default_rng(2).integers(0, 4, (200, 2)) + 16_777_216
    labels = rows[:, 1] == 16_777_217
    model = classifier(cat_features=[0, 1], one_hot_max_size=99).fit(rows, labels)

    package = quietly_converted(model, rows)

    assert package.manifest.inputs[0].element_type == "int64"
    found = says(package, {package.manifest.inputs[0].name: rows})["probabilities"]
    np.testing.assert_allclose(found.astype(float), model.predict_proba(rows), rtol=1e-4)


@pytest.mark.parametrize("case", ["compared", "counted"])
def test_a_category_that_no_row_has_is_asked_for(case: str) -> None:
    table, labels = travellers()
    model = of_categories(**COUNTING[case]).fit(table, labels)

    with pytest.raises(UsageError, match=r"of column 'city' that no row of X has, .* every"):
        quietly_converted(model, table[~table["city"].isin(["Oslo", "Zürich"])])


def test_rows_without_a_column_of_categories_are_refused() -> None:
    table, labels = travellers()
    model = of_categories(one_hot_max_size=99).fit(table, labels)

    with pytest.raises(UsageError, match="X has no column 'city'"):
        quietly_converted(model, table.drop(columns="city"))


def infinite() -> CatBoostRegressor:
    rows = np.array([[-np.inf], [0.0], [np.inf], [1.0]] * 20, dtype=np.float32)
    return regressor().fit(rows, np.arange(80) % 4)


def texts() -> CatBoostClassifier:
    table = pd.DataFrame({"said": ["a b", "b c", "c d", "d a"] * 20})
    return classifier(text_features=["said"]).fit(table, np.arange(80) % 2)


def own_threshold() -> CatBoostClassifier:
    rows, values = gappy()
    model = classifier().fit(rows, two(values))
    model.set_probability_threshold(0.3)
    return model


REFUSED: Final[Mapping[str, tuple[Callable[[], object], str]]] = {
    "texts": (texts, "text_features .* TfidfVectorizer"),
    "infinite borders": (infinite, "infinite number, .* replace infinities"),
    "a threshold of its own": (own_threshold, "FixedThresholdClassifier"),
    "unfitted": (classifier, "CatBoostClassifier is not fitted: fit it"),
}


@pytest.mark.parametrize("case", sorted(REFUSED))
def test_what_cannot_be_right_is_refused_with_a_way_out(case: str) -> None:
    build, reason = REFUSED[case]
    model = build()
    rows, _ = gappy()

    with pytest.raises(UsageError, match=reason):
        quietly_converted(model, rows)


def test_categories_inside_another_model_are_refused() -> None:
    rows = np.random.default_rng(2).integers(0, 6, (200, 3))
    inner = classifier(cat_features=[1], one_hot_max_size=99)
    model = make_pipeline(inner).fit(rows, np.isin(rows[:, 1], [1, 3]))

    with pytest.raises(UsageError, match=r"cat_features \(column 1 is one\) .* OrdinalEncoder"):
        quietly_converted(model, rows)


def test_other_classes_than_its_own_are_refused() -> None:
    rows, values = gappy()
    model = classifier().fit(rows, three(values))

    with pytest.raises(UsageError, match=r"\['a', 'b', 'c'\] are not those of the model"):
        quietly_converted(model, rows, classes=("a", "b", "c"))
