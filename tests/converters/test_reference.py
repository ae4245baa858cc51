"""The reference is what a device would have counted on the author's rows."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

from converters.base import ConversionWarning
from converters.convert import convert
from converters.reference import count_plainly
from edge_contract.package import Layout, Role, count_rows, layout_of, profile_specs
from edge_contract.stats import (
    CENTRED,
    Categories,
    Labels,
    Moments,
    Probabilities,
    Profile,
    ProfileSpec,
    Sketch,
)
from edge_contract.stats.text_hash import text_hash
from tests.converters.helpers import (
    customer_model,
    customers,
    diabetes,
    flowers,
    quietly_converted,
    says,
    tumours,
)


def warnings_of(model: object, rows: object, labels: object = None) -> list[str]:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ConversionWarning)
        convert(model, rows, labels, name="m", version="1.0.0")
    return [str(warning.message) for warning in heard]


def shuffled_flowers() -> tuple[pd.DataFrame, np.ndarray]:
    rows, labels = flowers()
    order = np.random.default_rng(0).permutation(150)
    return rows.iloc[order], labels[order]


def test_the_profile_is_what_counting_row_by_row_gives() -> None:
    rows, labels = shuffled_flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    reference = package.reference()
    values = rows.to_numpy(dtype=np.float32)
    said = says(package, {"X": values})
    places = {"setosa": 0.0, "versicolor": 1.0, "virginica": 2.0}
    observed = [
        [*row, places[label], max(probabilities), math.nan, *probabilities]
        for row, label, probabilities in zip(
            values.tolist(), said["label"].tolist(), said["probabilities"].tolist(), strict=True
        )
    ]
    spec = reference.profile.spec
    expected = count_rows(spec, layout_of(Role.PRIMARY, package.manifest, spec), observed)
    assert reference.rows == 150
    assert reference.profile.to_state() == expected.to_state()
    assert [(column.subject, column.spec.kind) for column in spec.columns[-6:]] == [
        ("feature:petal width (cm)", "sketch"),
        ("feature:petal width (cm)", "moments"),
        ("joint", "joint"),
        ("prediction", "probabilities"),
        ("prediction", "class_probabilities"),
        ("latency_us", "sketch"),
    ]


def test_another_kernel_may_count_the_same_rows() -> None:
    rows, labels = shuffled_flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    seen: list[tuple[int, ...]] = []

    def count(spec: ProfileSpec, layout: Layout, observed: np.ndarray) -> Profile:
        seen.append(observed.shape)
        assert observed.dtype == np.float32
        return count_plainly(spec, layout, observed)

    first = quietly_converted(model, rows, labels, count=count)
    second = quietly_converted(model, rows, labels)

    assert seen == [(150, 4 + 3 + 3), (150, 3)]  # features, prediction, classes; then the truths
    assert first.files == second.files


def test_the_range_and_the_gaps_of_every_column_are_known() -> None:
    rows, labels = customers()
    package = quietly_converted(customer_model().fit(rows, labels), rows, labels)

    profile = package.reference().profile

    income = profile.find("feature:income (EUR)", "sketch")
    ages = profile.find("feature:age", "moments")
    members = profile.find("feature:member", "sketch")
    assert isinstance(income, Sketch)
    assert isinstance(ages, Moments)
    assert isinstance(members, Sketch)
    assert (income.missing, income.count) == (43, 300)
    assert income.spec.mapping == CENTRED
    assert not income.spec.integer
    assert (ages.low, ages.high) == (18.0, 79.0)
    assert members.spec.integer


def test_categories_are_counted_by_their_place_in_the_package() -> None:
    rows, labels = customers()
    rows.loc[:4, "city"] = ""
    package = quietly_converted(customer_model().fit(rows, labels), rows, labels)

    cities = package.reference().profile.find("feature:city", "categories")

    assert isinstance(cities, Categories)
    assert package.manifest.features[2].categories == ("Rome", "Oslo", "Bern")
    assert cities.missing == 5
    assert cities.other == 0
    assert cities.counts == {
        0: int((rows["city"] == "Rome").sum()),
        1: int((rows["city"] == "Oslo").sum()),
        2: int((rows["city"] == "Bern").sum()),
    }


def test_texts_of_one_person_only_do_not_get_into_the_package() -> None:
    rows = np.array([[f"person{i}@example.com"] for i in range(40)] + [["nobody"]] * 60, object)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    texts = quietly_converted(model.fit(rows, [0, 1] * 50), rows)

    categories = texts.manifest.features[0].categories

    assert categories == ("nobody",)
    assert b"person" not in texts.files["reference.json"]
    found = texts.reference().profile.find("feature:x0", "categories")
    assert isinstance(found, Categories)
    assert (found.other, found.counts) == (40, {0: 60})
    assert round(found.distinct_others) in range(36, 45)
    assert not {text_hash(f"person{i}@example.com") for i in range(40)} & set(found.hashes)


def test_calibration_counts_right_predictions_by_class_and_probability() -> None:
    rows, labels = tumours()
    model = LogisticRegression().fit(rows, labels)

    package = quietly_converted(model, rows, labels)

    calibration = package.reference().calibration
    hits = model.predict(rows) == labels
    assert [len(bins) for bins in calibration.rows] == [64, 64]
    assert sum(calibration.rows[1]) == int((model.predict(rows) == 1).sum())
    assert sum(map(sum, calibration.correct)) == pytest.approx(hits.sum(), abs=2.0)
    predictions = package.reference().profile.find("prediction", "probabilities")
    assert isinstance(predictions, Probabilities)
    assert predictions.counts[1][63] == calibration.rows[1][63]


def test_without_labels_there_is_no_calibration_and_no_quality() -> None:
    rows, labels = tumours()
    model = LogisticRegression().fit(rows, labels)

    package = quietly_converted(model, rows)

    assert not package.reference().calibration
    assert package.manifest.evidence.quality == {}


def test_predictions_without_probabilities_are_counted_by_class() -> None:
    rows, labels = tumours()

    package = quietly_converted(LinearSVC().fit(rows, labels), rows, labels)

    predictions = package.reference().profile.find("prediction", "categories")
    assert isinstance(predictions, Categories)
    assert sum(predictions.counts.values()) == predictions.count == 300


def test_predicted_values_are_sketched() -> None:
    rows, values = diabetes()

    package = quietly_converted(LinearRegression().fit(rows, values), rows, values)

    predictions = package.reference().profile.find("prediction", "moments")
    assert isinstance(predictions, Moments)
    assert predictions.finite == 442
    assert predictions.mean == pytest.approx(152.13, abs=0.01)


def test_errors_of_a_regression_are_counted_as_those_of_the_reference_ask_for() -> None:
    rows, values = diabetes()
    model = LinearRegression().fit(rows, values)

    package = quietly_converted(model, rows, values + 1000.0)

    labels = package.reference().labels
    assert labels is not None
    errors, moments = labels.find("error", "sketch"), labels.find("error", "moments")
    assert isinstance(errors, Sketch)
    assert isinstance(moments, Moments)
    assert errors.spec.mapping == CENTRED
    assert errors.spec.center == pytest.approx(-1000.0, abs=20.0)
    assert moments.mean == pytest.approx(-1000.0, abs=0.01)
    assert profile_specs(package.manifest, package.reference())[Role.LABELS] == labels.spec


def test_truths_of_a_classifier_are_counted_but_for_those_of_unknown_classes() -> None:
    rows, labels = shuffled_flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    known = labels.astype("U20")
    known[:10] = "orchid"

    counted = quietly_converted(model, rows, known).reference().labels

    assert counted is not None
    found = counted.find("labels", "labels")
    assert isinstance(found, Labels)
    assert (found.count, found.unknown) == (140, 0)
    assert found.correct == int((model.predict(rows) == known).sum())
    assert quietly_converted(model, rows).reference().labels is None


def test_few_rows_are_warned_about() -> None:
    rows, labels = shuffled_flowers()

    heard = warnings_of(LogisticRegression(max_iter=500).fit(rows, labels), rows, labels)

    assert heard == [
        "the reference has 150 rows, below 5000: only larger changes of the inputs will raise "
        "alarms; give more rows if there are any"
    ]


def test_rows_sorted_by_label_are_warned_about_and_not_taken_for_dependent() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)

    heard = warnings_of(model, rows, labels)
    package = quietly_converted(model, rows, labels)

    assert heard[1].startswith("the rows are sorted by their labels")
    assert package.reference().variance_inflation == 1.0


def test_rows_that_follow_each_other_slow_the_alarms() -> None:
    drifting = np.cumsum(np.random.default_rng(5).normal(size=(800, 2)), axis=0)
    model = LinearRegression().fit(drifting, drifting.sum(axis=1))

    heard = warnings_of(model, drifting)
    package = quietly_converted(model, drifting)

    assert heard[1].startswith("neighbouring rows resemble each other (variance inflation ")
    assert package.reference().variance_inflation > 5.0
