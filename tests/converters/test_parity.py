"""The gate lets faithful conversions through and refuses all others, with the worst row."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from converters.base import SOURCES, Converted, Request, Rows, Tensors
from converters.card import card_of
from converters.differences import difference_of_labels, difference_of_numbers, undecided
from converters.parity import check_parity
from converters.runtime import OnnxModel
from edge_contract.errors import PackageError, UsageError
from tests.converters.helpers import (
    customer_model,
    customers,
    flowers,
    quietly_converted,
    says,
    tumours,
)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other take longer than these few rows."""
    with threadpool_limits(1):
        yield


def flower_conversion() -> tuple[Converted, OnnxModel]:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    converted = next(iter(SOURCES["scikit-learn"].conversions(Request(model, rows))))
    return converted, OnnxModel(converted.model, what="it")


def with_other_answers(converted: Converted, **others: NDArray[np.generic]) -> Converted:
    """The conversion, whose source says something else about as many rows as are given."""

    def predict(rows: Rows) -> Tensors:
        assert converted.predict is not None
        said = dict(converted.predict(rows))
        if len(said["label"]) == 150:
            said.update(others)
        return said

    return replace(converted, predict=predict)


def test_a_faithful_conversion_passes_with_evidence() -> None:
    converted, model = flower_conversion()

    parity = check_parity(converted, model)

    assert parity["rows"] == 150
    assert parity["batches"] == [1, 2, 7]
    assert parity["accept_difference"] == 0.0
    outputs = parity["outputs"]
    assert isinstance(outputs, dict)
    assert outputs["label"]["unequal_rows"] == 0
    assert outputs["label"]["compared_rows"] == 150 + 3 * 7 + 2 * 64
    assert 0 < outputs["probabilities"]["largest_difference"] < 1e-5


def test_one_other_label_is_refused_with_its_row() -> None:
    converted, model = flower_conversion()
    labels = flowers()[1].copy()
    labels[:] = model.run(converted.feeds(converted.rows))["label"]
    labels[42] = "virginica"

    with pytest.raises(PackageError) as refused:
        check_parity(with_other_answers(converted, label=labels), model)

    message = str(refused.value)
    assert "output 'label' differs in 1 of 150 rows; worst is row 42 of X" in message
    assert "found 'setosa', expected 'virginica'" in message
    assert "accept_difference=7.0e-03" in message


def test_a_probability_that_is_off_is_refused_and_can_be_accepted_knowingly() -> None:
    converted, model = flower_conversion()
    assert converted.predict is not None
    probabilities = np.array(converted.predict(converted.rows)["probabilities"])
    probabilities[7] = [0.5, 0.25, 0.25]
    other = with_other_answers(converted, probabilities=probabilities)

    with pytest.raises(
        PackageError, match=r"'probabilities' differs in 1 of 150 rows; .* row 7 of"
    ):
        check_parity(other, model, accept_difference=0.5)
    parity = check_parity(other, model, accept_difference=3.0)

    assert parity["accept_difference"] == 3.0
    outputs = parity["outputs"]
    assert isinstance(outputs, dict)
    assert outputs["probabilities"]["unequal_rows"] == 1
    assert outputs["probabilities"]["worst"] == "row 7 of X"


def test_every_output_that_is_off_is_shown_with_its_worst_row() -> None:
    converted, model = flower_conversion()
    assert converted.predict is not None
    said = converted.predict(converted.rows)
    labels, probabilities = np.array(said["label"]), np.array(said["probabilities"])
    labels[42], probabilities[7] = "virginica", [0.5, 0.25, 0.25]
    other = with_other_answers(converted, label=labels, probabilities=probabilities)

    with pytest.raises(PackageError) as refused:
        check_parity(other, model)

    message = str(refused.value)
    assert "output 'label' differs in 1 of 150 rows; worst is row 42 of X" in message
    assert "output 'probabilities' differs in 1 of 150 rows; worst is row 7 of X" in message
    assert "absolute 0." in message


def test_a_missing_prediction_cannot_be_accepted() -> None:
    converted, model = flower_conversion()
    assert converted.predict is not None
    probabilities = np.array(converted.predict(converted.rows)["probabilities"])
    probabilities[7] = np.nan
    other = with_other_answers(converted, probabilities=probabilities)

    with pytest.raises(PackageError, match="relative difference inf") as refused:
        check_parity(other, model, accept_difference=1e9)

    assert "accept_difference=" not in str(refused.value)


def test_a_source_model_that_says_twice_as_much_is_refused() -> None:
    rows, values = tumours()

    model = LinearRegression().fit(rows, values)
    converted = next(iter(SOURCES["scikit-learn"].conversions(Request(model, rows))))
    wrong = replace(converted, predict=lambda rows: {"variable": 2 * model.predict(rows)})

    with pytest.raises(PackageError, match="output 'variable' differs in 300 of 300 rows"):
        check_parity(wrong, OnnxModel(wrong.model, what="it"))


def test_an_output_of_another_width_is_refused() -> None:
    rows, _ = tumours()
    converted = next(iter(SOURCES["scikit-learn"].conversions(Request(PCA(3).fit(rows), rows))))
    narrow = {"variable": rows[:, 0]}
    wrong = replace(converted, predict=lambda _rows: narrow)

    with pytest.raises(PackageError, match=r"shape \[300, 3\], the source model gives \[300\]"):
        check_parity(wrong, OnnxModel(wrong.model, what="it"))


def test_missing_numbers_that_take_another_way_are_refused_with_advice() -> None:
    rows, values = tumours()
    model = DecisionTreeRegressor(max_depth=3).fit(rows, values)
    converted = next(iter(SOURCES["scikit-learn"].conversions(Request(model, rows))))

    def predict(rows: Rows) -> Tensors:
        assert isinstance(rows, np.ndarray)
        return {"variable": np.where(np.isnan(rows).any(axis=1), 9.0, model.predict(rows))}

    with pytest.raises(PackageError, match=r"missing number: .* put an imputer in front"):
        check_parity(replace(converted, predict=predict), OnnxModel(converted.model, what="it"))


def test_missing_texts_that_are_not_the_empty_text_to_the_model_are_refused_with_advice() -> None:
    rows, labels = customers()
    rows["city"] = rows["city"].mask(np.arange(len(rows)) % 5 == 0)
    rows.loc[1::5, "city"] = ""
    model = customer_model().fit(rows, labels)

    with pytest.raises(UsageError, match=r"both empty and missing texts .* replace missing ones"):
        quietly_converted(model, rows, labels)

    filled = rows.assign(city=rows["city"].fillna(""))
    quietly_converted(customer_model().fit(filled, labels), filled, labels)


def test_numbers_that_are_the_same_float32_are_told_apart_as_float64() -> None:
    rows = np.array([[1.0], [1.0 + 1e-12]] * 50)
    labels = np.array([0, 1] * 50)
    model = make_pipeline(StandardScaler(), HistGradientBoostingClassifier(max_iter=5))
    model.fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    assert [str(spec) for spec in package.manifest.inputs] == ["float64[batch, 1]"]
    assert says(package, {"X": rows[:2]})["label"].tolist() == [0, 1]
    reason = package.manifest.evidence.parity["float64_inputs"]
    assert reason == "column 'x0' varies by 5e-13, but numbers of float32 are 1.19e-07 apart there"


def test_rows_that_fail_as_float32_are_given_as_float64_and_the_card_says_so() -> None:
    rows = np.array([[1.0], [1.0 + 1e-12]] * 50 + [[100.0]] * 20)
    labels = np.array([0, 1] * 50 + [2] * 20)
    model = HistGradientBoostingClassifier(max_iter=5).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    found = "output 'label' differs in 50 of 120 rows; worst is row "
    (detail,) = [it for it in card_of(package) if it.title == "Parity in detail"]
    ((what, why),) = detail.rows
    assert what == "inputs are float64, because with float32"
    assert why.startswith(found)


def test_trees_that_make_float32_of_the_rows_themselves_are_given_float32() -> None:
    random = np.random.default_rng(2)
    rows = 1e6 + random.normal(size=(120, 2))
    model = RandomForestClassifier(3, random_state=0).fit(rows, rows[:, 0] > 1e6)

    package = quietly_converted(model, rows)

    assert [spec.element_type for spec in package.manifest.inputs] == ["float32"]


def test_inputs_stay_float32_where_that_is_enough() -> None:
    rows, labels = tumours()
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    assert [spec.element_type for spec in package.manifest.inputs] == ["float32"]
    assert "float64_inputs" not in package.manifest.evidence.parity


def test_numbers_of_a_table_with_texts_are_float64_where_that_is_needed() -> None:
    rows, _ = customers()
    rows["income (EUR)"] += 4e9
    labels = np.where(rows["income (EUR)"] > 4e9 + 30_000, "rich", "poor")
    model = customer_model(HistGradientBoostingClassifier(max_iter=5)).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    kinds = {spec.name: spec.element_type for spec in package.manifest.inputs}
    assert kinds["income__EUR_"] == kinds["age"] == "float64"
    assert kinds["city"] == "string"


def test_a_column_far_from_zero_is_not_rounded_on_its_way_to_a_regression() -> None:
    random = np.random.default_rng(1)
    seconds = 1.7e9 + random.integers(0, 100_000, 80) + random.random(80)
    values = (seconds - 1.7e9) / 1000
    model = make_pipeline(StandardScaler(), LinearRegression()).fit(seconds[:, None], values)

    package = quietly_converted(model, seconds[:, None], values)

    found = says(package, {"X": seconds[:, None]})["variable"]
    assert found == pytest.approx(values, rel=1e-4, abs=1e-4)


def test_rows_that_the_source_model_does_not_accept_are_the_callers_mistake() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    rows.iloc[3, 2] = np.nan

    with pytest.raises(UsageError, match=r"does not accept the rows of X: .*NaN"):
        quietly_converted(model, rows)


def test_differences_of_small_values_are_measured_against_the_usual_size() -> None:
    expected = np.array([[100.0], [1e-9]])

    found = difference_of_numbers(
        expected, np.array([[100.01], [0.001]]), usual=100.0, tolerance=1e-4
    )

    assert found.size == pytest.approx(1e-4)
    assert found.absolute == pytest.approx(0.01)
    assert found.worst in {0, 1}


def test_equal_infinities_and_equal_gaps_are_no_difference() -> None:
    expected = np.array([np.nan, np.inf, -np.inf, 1.0])

    same = difference_of_numbers(expected, expected.copy(), usual=1.0, tolerance=1e-4)
    other = difference_of_numbers(expected, -expected, usual=1.0, tolerance=1e-4)

    assert (same.size, same.unequal) == (0.0, 0)
    assert (other.size, other.unequal) == (np.inf, 3)


def test_a_label_is_right_where_the_source_model_itself_is_undecided() -> None:
    probabilities = np.array([[0.5, 0.5], [0.7, 0.3]])
    expected, found = np.array([0, 0]), np.array([1, 1])

    ties = undecided(probabilities, expected, found, threshold=None)
    difference = difference_of_labels(expected, found, ties)

    assert ties.tolist() == [True, False]
    assert (difference.unequal, difference.worst) == (1, 1)


def test_at_a_threshold_a_tie_is_a_probability_equal_to_it() -> None:
    probabilities = np.array([[0.7, 0.3], [0.5, 0.5]])

    ties = undecided(probabilities, np.array([1, 1]), np.array([0, 0]), threshold=0.3)

    assert ties.tolist() == [True, False]
