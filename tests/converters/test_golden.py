"""Golden vectors show a device what the model says about rows unlike each other."""

import math

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_contract.package import Golden, GoldenTensor
from tests.converters.helpers import (
    customer_model,
    customers,
    diabetes,
    digits,
    quietly_converted,
    says,
)


def array_of(tensor: GoldenTensor) -> np.ndarray:
    kind = object if tensor.element_type == "string" else tensor.element_type
    return np.array(list(tensor.values), dtype=kind).reshape(tensor.shape)


def test_sixteen_rows_show_every_class() -> None:
    rows, labels = digits()
    package = quietly_converted(LogisticRegression(max_iter=500).fit(rows, labels), rows, labels)

    golden = package.golden()

    assert golden.inputs["X"].shape == (16, 64)
    assert set(golden.outputs["label"].values) == set(range(10))
    found = says(package, {"X": array_of(golden.inputs["X"])})
    assert found["label"].tolist() == list(golden.outputs["label"].values)
    assert found["probabilities"].ravel().tolist() == list(golden.outputs["probabilities"].values)


def test_predicted_values_from_lowest_to_highest() -> None:
    rows, values = diabetes()
    model = HistGradientBoostingRegressor(max_iter=5).fit(rows, values)
    package = quietly_converted(model, rows, values)

    shown = package.golden().outputs["variable"].values

    everything = says(package, {"X": rows.astype(np.float32)})["variable"]
    numbers = [float(str(value)) for value in shown]
    assert (min(numbers), max(numbers)) == (everything.min(), everything.max())


def test_texts_and_gaps_survive_json() -> None:
    rows, labels = customers()
    package = quietly_converted(customer_model().fit(rows, labels), rows, labels)

    golden = Golden.from_bytes(package.files["golden.json"])

    assert set(golden.inputs["city"].values) <= {"Bern", "Oslo", "Rome"}
    assert golden.outputs["label"].element_type == "string"
    incomes = golden.inputs["income__EUR_"].values
    assert all(value == "nan" or math.isfinite(float(str(value))) for value in incomes)


def test_large_rows_are_few() -> None:
    rows = np.random.default_rng(0).normal(size=(40, 20_000))
    package = quietly_converted(StandardScaler().fit(rows), rows)

    assert package.golden().inputs["X"].shape == (10, 20_000)


def test_rows_that_last_bits_decide_are_no_golden_rows() -> None:
    random = np.random.default_rng(5)
    rows = random.normal(size=(400, 3))
    model = make_pipeline(PCA(), HistGradientBoostingRegressor(max_iter=4, max_leaf_nodes=8))
    model.fit(rows, np.sin(4 * rows[:, 0]) + rows[:, 1])
    package = quietly_converted(model, rows)

    golden = array_of(package.golden().inputs["X"])

    expected = says(package, {"X": golden})["variable"]
    for share in (-(2.0**-42), 2.0**-42):
        found = says(package, {"X": golden * (1.0 + share)})["variable"]
        assert found.tolist() == expected.tolist()
    assert len(golden) == 16
