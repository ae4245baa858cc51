"""Mistakes are named: what is wrong, with which thing, and what to do."""

from typing import Unpack

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from converters.convert import convert
from edge_contract.errors import UsageError
from tests.converters.helpers import (
    Numbers,
    Options,
    customer_model,
    customers,
    flowers,
    quietly_converted,
    tumours,
)


class Unknown(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    def fit(self, _rows: object, _labels: object) -> "Unknown":
        self.fitted_ = True
        return self

    def predict(self, rows: Numbers) -> Numbers:
        return np.zeros(len(rows))


def refusal(model: object, rows: object, labels: object = None, **more: Unpack[Options]) -> str:
    with pytest.raises(UsageError) as refused:
        quietly_converted(model, rows, labels, **more)
    return str(refused.value)


def flower_model() -> LogisticRegression:
    return LogisticRegression(max_iter=500).fit(*flowers())


def test_an_estimator_that_is_not_fitted() -> None:
    message = refusal(LogisticRegression(), flowers()[0])

    assert message == "LogisticRegression is not fitted: fit it before converting"


def test_a_step_that_nobody_can_convert_is_named() -> None:
    rows, labels = tumours()
    model = make_pipeline(StandardScaler(), Unknown()).fit(rows, labels)

    message = refusal(model, rows)

    assert "no converter for" in message
    assert message.endswith("Unknown; replace or remove that step")


def test_rows_that_are_missing() -> None:
    message = refusal(flower_model(), None)

    assert message.startswith("X is missing: give rows like those that devices will see")


def test_columns_that_are_missing_and_unknown() -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)

    message = refusal(model, rows.drop(columns="age").assign(left=labels))

    assert message.endswith("was fitted on: missing ['age'], not known to it ['left']")


def test_an_array_of_another_width() -> None:
    rows, labels = tumours()
    model = LinearSVC().fit(rows, labels)

    message = refusal(model, rows[:, :5])

    assert message.startswith("LinearSVC was fitted on 30 columns, X has 5")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "X has no rows"),
        ([[1.0, 2.0], [3.0]], "X is no array: its rows differ in length"),
        (3.0, "X must be rows, got a single float"),
        (np.zeros((2, 2, 2)), r"X must have two axes, rows and columns"),
        (np.zeros((2, 2), dtype=complex), "X has element type complex128"),
        (OneHotEncoder().fit_transform([["a"], ["b"]]), "X is sparse: give its dense form"),
        ({"a": [1.0]}, "X is a dict of arrays, which only ONNX files take"),
    ],
)
def test_rows_of_another_form(rows: object, words: str) -> None:
    assert words in refusal(flower_model(), rows)


def test_a_column_of_mixed_values() -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)
    mixed = rows.astype({"city": object})
    mixed.loc[0, "city"] = 3

    message = refusal(model, mixed)

    assert message.startswith("column 'city' mixes number, text: give one kind of value")


def test_a_column_of_dates() -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)

    message = refusal(model, rows.assign(city=pd.Timestamp("2026-01-01")))

    assert message.startswith("column 'city' holds datetime64")


def test_two_columns_of_one_name() -> None:
    rows = flowers()[0]
    rows.columns = ["a", "a", "b", "c"]

    assert refusal(flower_model(), rows) == (
        "X has several columns of the same name: a; rename them"
    )


def test_what_we_say_of_a_model_is_not_hidden_behind_what_a_library_says() -> None:
    rows = flowers()[0].round()
    model = make_pipeline(
        StandardScaler(), GaussianProcessRegressor(Matern(nu=0.7), optimizer=None)
    )
    model.fit(rows[:30], rows.iloc[:30, 0])

    message = refusal(model, rows)

    assert message.startswith("the kernel Matern(length_scale=")
    assert "known are ConstantKernel, WhiteKernel, RBF" in message


def test_labels_for_other_rows() -> None:
    rows, labels = flowers()

    message = refusal(flower_model(), rows, labels[:9])

    assert message == "y has shape [9], X has 150 rows: give a label for each"


def test_labels_of_other_classes() -> None:
    rows, _ = flowers()

    message = refusal(flower_model(), rows, [7] * 150)

    assert message.startswith("no label in y is a class of the model: y holds [7], the classes are")


def test_texts_where_a_number_is_predicted() -> None:
    rows, labels = tumours()
    model = LinearRegression().fit(rows, labels)

    assert refusal(model, rows, ["a"] * 300).startswith("y must be numbers")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"name": "a/b"}, "model name 'a/b' is not allowed"),
        ({"version": "1.0"}, "version '1.0' is not a semantic version"),
        ({"accept_difference": -1.0}, "accept_difference must be at least 0, got -1.0"),
        ({"accept_difference": float("nan")}, "accept_difference must be at least 0, got nan"),
        ({"lineage": {"run": object()}}, "lineage must hold plain JSON values"),
        ({"baseline": {"f1": float("nan")}}, "baseline 'f1' is nan: give a finite number"),
    ],
)
def test_what_cannot_stand_in_a_manifest(more: Options, words: str) -> None:
    assert words in refusal(flower_model(), flowers()[0], **more)


def test_other_classes_than_the_model_was_fitted_on() -> None:
    message = refusal(flower_model(), flowers()[0], classes=("a", "b", "c"))

    assert message.startswith("classes ['a', 'b', 'c'] are not those of the model, ['setosa', ")


def test_a_file_that_is_no_onnx_model() -> None:
    with pytest.raises(UsageError, match=r"'model\.pkl' is no \.onnx file"):
        convert("model.pkl", [[1.0]], name="m", version="1.0.0")
