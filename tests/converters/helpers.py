"""Small fitted models, and converting without the warning that they were given few rows."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TypedDict, Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from converters.base import ConversionWarning
from converters.convert import convert
from converters.reference import RowCounter
from converters.robustness import Trials
from converters.runtime import OnnxModel
from converters.variants import VariantRules
from converters.watching import Watching
from edge_contract.package import Package
from edge_contract.reading import JsonObject

Numbers = NDArray[np.float64]
Labels = NDArray[np.generic]


class Identity(TypedDict):
    name: str
    version: str


class Options(TypedDict, total=False):
    name: str
    version: str
    description: str
    classes: tuple[str | int, ...]
    feature_names: Sequence[str]
    lineage: JsonObject
    baseline: dict[str, float | str]
    accept_difference: float
    count: RowCounter
    watching: Watching
    trials: Trials
    variants: VariantRules
    progress: Callable[[str, float], None]


_IDENTITY: Identity = {"name": "m", "version": "1.0.0"}


def quietly_converted(
    model: object, rows: object, labels: object = None, **more: Unpack[Options]
) -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)
        return convert(model, rows, labels, **(_IDENTITY | more))


def says(package: Package, feeds: Mapping[str, Labels]) -> dict[str, Labels]:
    return OnnxModel(package.model(), what="the packaged model").run(feeds)


def digits() -> tuple[Numbers, NDArray[np.int64]]:
    rows, labels = load_digits(return_X_y=True)
    return rows[:600] / 16, labels[:600]


def tumours() -> tuple[Numbers, NDArray[np.int64]]:
    rows, labels = load_breast_cancer(return_X_y=True)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)  # so that solvers need few steps
    return scaled[:300], labels[:300]


def diabetes() -> tuple[Numbers, Numbers]:
    rows, labels = load_diabetes(return_X_y=True)
    return rows, labels


def flowers() -> tuple[pd.DataFrame, Labels]:
    bunch = load_iris(as_frame=True)
    return bunch.data, bunch.target_names[bunch.target]


def customers(rows: int = 300) -> tuple[pd.DataFrame, Labels]:
    """Mixed columns; incomes are missing here and there, plans are categorical."""
    rng = np.random.default_rng(7)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "income (EUR)": rng.normal(30_000, 5_000, rows),
            "city": rng.choice(["Bern", "Oslo", "Rome"], rows, p=[0.2, 0.3, 0.5]),
            "member": rng.random(rows) < 0.5,
            "plan": pd.Categorical(rng.choice(["basic", "full"], rows)),
        }
    )
    table.loc[::7, "income (EUR)"] = np.nan
    return table, np.where((table["age"] > 40) ^ (table["city"] == "Oslo"), "stays", "leaves")


def customer_model(classifier: object = None) -> Pipeline:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore")
    columns = ColumnTransformer(
        [("numbers", numbers, ["age", "income (EUR)"]), ("texts", texts, ["city", "plan"])],
        remainder="passthrough",
    )
    return make_pipeline(columns, classifier or LogisticRegression())


def encoded_and_scaled(*, texts: list[str], numbers: list[str]) -> Pipeline:
    columns = ColumnTransformer(
        [
            ("texts", OneHotEncoder(handle_unknown="ignore"), texts),
            ("numbers", StandardScaler(), numbers),
        ]
    )
    return make_pipeline(columns, LogisticRegression())
