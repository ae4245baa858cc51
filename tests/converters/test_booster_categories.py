"""Categorical splits of LightGBM and XGBoost."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from xgboost import XGBClassifier

from edge_contract.errors import UsageError
from edge_contract.package import Package
from tests.converters.helpers import quietly_converted, says

Table = tuple[pd.DataFrame, NDArray[np.int64]]
Feeds = dict[str, NDArray[np.generic]]

light = partial(
    LGBMClassifier, n_estimators=8, num_leaves=7, verbose=-1, n_jobs=1, min_data_per_group=1
)
extreme = partial(XGBClassifier, n_estimators=8, max_depth=4, n_jobs=1, enable_categorical=True)

MODELS: Final[Mapping[str, Callable[[], BaseEstimator]]] = {
    "LightGBM": light,
    "XGBoost, sets": partial(extreme, max_cat_to_onehot=1),
    "XGBoost, one by one": partial(extreme, max_cat_to_onehot=99),
}
every_model = pytest.mark.parametrize("name", sorted(MODELS))


def travellers() -> Table:
    """City is a text, zone a number that is no place in a list; both have gaps."""
    rng = np.random.default_rng(8)
    table = pd.DataFrame(
        {
            "city": rng.choice(["Bern", "Oslo", "Rome", "Zug"], 300),
            "age": rng.normal(40, 9, 300).astype(np.float32),
            "zone": rng.choice([3, 5, 10, 20], 300),
        }
    )
    far = table["city"].isin(["Oslo", "Zug"]) ^ table["zone"].isin([5, 20]) ^ (table["age"] > 45)
    table["city"] = table["city"].astype("category").where(np.arange(300) % 9 > 0)
    table["zone"] = table["zone"].astype("category").where(np.arange(300) % 11 > 0)
    return table, (far | table["city"].isna()).to_numpy().astype(np.int64)


def fed(table: pd.DataFrame) -> Feeds:
    """As a device feeds it: a missing text is the empty one."""
    city = [it if isinstance(it, str) else "" for it in table["city"].tolist()]
    return {
        "city": np.array(city, dtype=object)[:, None],
        **{it: table[[it]].to_numpy(dtype=np.float32) for it in ("age", "zone")},
    }


@every_model
def test_categories_of_a_table_are_known_by_their_values(name: str) -> None:
    table, labels = travellers()
    model = MODELS[name]().fit(table, labels)

    package = quietly_converted(model, table)

    found = says(package, fed(table))["probabilities"]
    np.testing.assert_allclose(found.astype(float), model.predict_proba(table), rtol=1e-4)


def test_a_category_that_lightgbm_never_saw_is_a_missing_one() -> None:
    table, labels = travellers()
    model = light().fit(table, labels)
    package = quietly_converted(model, table)

    found = says(package, fed(table.assign(city="nowhere")))["probabilities"]

    expected = model.predict_proba(table.assign(city=pd.Categorical(["nowhere"] * 300)))
    np.testing.assert_allclose(found.astype(float), expected, rtol=1e-4)


def codes() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    rng = np.random.default_rng(9)
    rows = np.column_stack([rng.normal(size=300), rng.integers(0, 9, 300)]).astype(np.float32)
    labels = np.isin(rows[:, 1], [0, 4, 7]) ^ (rows[:, 0] > 1)
    return rows, labels.astype(np.int64)


extreme_codes = partial(extreme, feature_types=["q", "c"], max_cat_to_onehot=1)

OF_CODES: Final[Mapping[str, Callable[[], BaseEstimator]]] = {
    "LightGBM": light,
    "LightGBM of zeros that are missing": partial(light, zero_as_missing=True),
    "LightGBM without missing values": partial(light, use_missing=False),
    "XGBoost": extreme_codes,
    "XGBoost of zeros that are missing": partial(extreme_codes, missing=0.0),
}


@pytest.mark.parametrize("case", sorted(OF_CODES))
def test_codes_are_compared_as_the_library_rounds_them(case: str) -> None:
    rows, labels = codes()
    more = {"categorical_feature": [1]} if case.startswith("LightGBM") else {}
    model = OF_CODES[case]().fit(rows, labels, **more)
    package = quietly_converted(model, rows)
    odd = [-1.0, -0.5, 0.0, 0.5, 3.9, 4.0, 4.1, 7.999, 8.0, 9.0, 1e6, 3e9, 1e30, np.nan]
    asked = np.column_stack([np.linspace(-2, 2, len(odd)), odd]).astype(np.float32)

    found = says(package, {package.manifest.inputs[0].name: asked})["probabilities"]

    np.testing.assert_allclose(found.astype(float), model.predict_proba(asked), rtol=1e-4)


def test_names_that_xgboost_cuts_short_are_refused() -> None:
    table, labels = travellers()
    table["city"] = table["city"].cat.rename_categories({"Zug": "Z\u00fcrich"})
    model = extreme().fit(table, labels)

    with pytest.raises(UsageError, match="letters than those of ASCII: rename"):
        quietly_converted(model, table)


def test_categories_that_are_fractions_are_refused() -> None:
    table, labels = travellers()
    table["zone"] = (table["zone"].astype(float) + 0.5).astype("category")
    model = light().fit(table, labels)

    with pytest.raises(UsageError, match=r"'zone' has the category .*\.5: use texts or whole"):
        quietly_converted(model, table)


@pytest.mark.parametrize("kind", ["LightGBM", "HistGradientBoosting"])
def test_texts_pass_through_a_step_beside_numbers(kind: str) -> None:
    table, labels = travellers()
    table = table.assign(city=table["city"].astype(object).fillna("none").astype("category"))
    columns = ColumnTransformer([("ages", SimpleImputer(), ["age"])], remainder="passthrough")
    boosted = light() if kind == "LightGBM" else HistGradientBoostingClassifier(max_iter=4)
    model = make_pipeline(columns.set_output(transform="pandas"), boosted).fit(table, labels)

    package = quietly_converted(model, table[:60])

    found = says(package, feeds_of(package, table.astype({"city": object})))["probabilities"]
    np.testing.assert_allclose(found.astype(float), model.predict_proba(table), rtol=1e-4)


def feeds_of(package: Package, table: pd.DataFrame) -> Feeds:
    kinds = {"string": object, "int64": np.int64, "float32": np.float32, "float64": np.float64}
    given = package.manifest.inputs
    return {
        spec.name: table[[name]].to_numpy().astype(kinds[spec.element_type])
        for spec, name in zip(given, table.columns, strict=True)
    }
