"""How much worse a converted model gets when its inputs are changed a little."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from converters.card import card_of
from converters.robustness import Trials
from edge_contract.errors import UsageError
from edge_contract.package import Package
from edge_contract.reading import JsonObject, JsonValue
from tests.converters.helpers import digits, quietly_converted

NUMBERS = ["noise 5%", "noise 10%", "noise 25%", "x0.9", "x1.1"]
MISSING = ["missing 5%", "missing 20%"]
PICTURES = ["brighter 20%", "darker 20%", "blurred"]


def number(value: JsonValue) -> float:
    assert isinstance(value, float)
    return value


def changes_of(package: Package) -> dict[str, JsonObject]:
    changes = package.manifest.evidence.robustness["changes"]
    assert isinstance(changes, Sequence)
    found: dict[str, JsonObject] = {}
    for change in changes:
        assert isinstance(change, Mapping)
        found[str(change["name"])] = change
    return found


def line() -> tuple[np.ndarray, np.ndarray]:
    rows = np.linspace(-1, 1, 400).reshape(-1, 1)
    return rows, 10 * rows[:, 0]


def test_errors_of_a_regression_are_those_worked_out_by_hand() -> None:
    """The model is right; of a tenth less it says a tenth less, so it errs by a tenth of |y|."""
    rows, truths = line()

    package = quietly_converted(LinearRegression().fit(rows, truths), rows, truths, trials=Trials())

    found = package.manifest.evidence.robustness
    smaller = changes_of(package)["x0.9"]
    noise = changes_of(package)["noise 10%"]
    spread = 10 * rows.std()
    assert found["rows"] == 400
    assert smaller["what"] == "numbers times 0.9"
    assert smaller["mae"] == pytest.approx(0.1 * np.abs(truths).mean(), rel=1e-4)
    assert smaller["rmse"] == pytest.approx(0.1 * truths.std(), rel=1e-4)
    lost = smaller["worse_by"]
    assert isinstance(lost, Mapping)
    assert lost["mae"] == pytest.approx(number(smaller["mae"]), abs=1e-5)
    assert lost["rmse"] == pytest.approx(number(smaller["rmse"]), abs=1e-5)
    assert noise["rmse"] == pytest.approx(0.1 * spread, rel=0.1)
    assert list(changes_of(package)) == NUMBERS


def test_a_classifier_at_a_threshold_loses_what_crosses_it() -> None:
    rows = np.linspace(1, 2, 300).reshape(-1, 1)
    labels = rows[:, 0] > 1.5
    model = LogisticRegression(C=1e6).fit(rows, labels)

    package = quietly_converted(model, rows, labels, trials=Trials())

    smaller = changes_of(package)["x0.9"]
    crossed = ((rows[:, 0] > 1.5) & (0.9 * rows[:, 0] <= 1.5)).mean()
    lost = smaller["worse_by"]
    assert isinstance(lost, Mapping)
    assert lost["accuracy"] == pytest.approx(crossed, abs=0.01)
    assert number(lost["f1"]) > 0


def test_the_same_rows_are_changed_in_the_same_way_every_time() -> None:
    rows, labels = digits()
    model = LogisticRegression(max_iter=300).fit(rows, labels)

    first, second = (quietly_converted(model, rows, labels, trials=Trials()) for _ in range(2))

    assert first.manifest.evidence.robustness == second.manifest.evidence.robustness


def test_values_are_left_out_where_the_model_takes_that() -> None:
    rows, labels = digits()
    fewer = rows[:, 20:30]
    trees = HistGradientBoostingClassifier(max_iter=3).fit(fewer, labels > 4)

    takes = quietly_converted(trees, fewer, labels > 4, trials=Trials())

    assert list(changes_of(takes)) == NUMBERS + MISSING
    assert changes_of(takes)["missing 20%"]["what"] == "20% of numbers missing"
    accuracies = [number(changes_of(takes)[name]["accuracy"]) for name in MISSING]
    assert accuracies[0] > accuracies[1]


def test_pictures_are_also_darkened_and_blurred() -> None:
    rows, labels = digits()
    model = LogisticRegression(max_iter=300).fit(rows, labels)

    package = quietly_converted(model, rows, labels, trials=Trials(image=(8, 8)))

    assert list(changes_of(package)) == NUMBERS + PICTURES


def test_at_most_1000_rows_are_tried() -> None:
    rows = np.linspace(-1, 1, 1500).reshape(-1, 1)

    package = quietly_converted(
        LinearRegression().fit(rows, rows[:, 0]), rows, rows[:, 0], trials=Trials()
    )

    assert package.manifest.evidence.robustness["rows"] == 1000


def test_a_model_that_is_too_slow_is_not_tried_and_the_card_says_so() -> None:
    rows, truths = line()
    model = LinearRegression().fit(rows, truths)

    package = quietly_converted(model, rows, truths, trials=Trials(max_s=1e-9))

    assert package.manifest.evidence.robustness == {
        "not_measured": "the model is too slow or its rows too large: 0 rows at most"
    }
    assert "Robustness" in [section.title for section in card_of(package)]


def test_nothing_is_measured_without_labels_without_numbers_or_without_being_asked() -> None:
    rows, truths = line()
    model = LinearRegression().fit(rows, truths)
    words = np.array(["good day", "bad night", "good night", "bad day"] * 10, dtype=object)
    moods = np.array(["good", "bad"] * 20)
    reader = make_pipeline(CountVectorizer(), MultinomialNB()).fit(words, moods)

    without_labels = quietly_converted(model, rows, trials=Trials())
    of_texts = quietly_converted(reader, words, moods, trials=Trials())
    not_asked = quietly_converted(model, rows, truths)

    for package in (without_labels, of_texts, not_asked):
        assert package.manifest.evidence.robustness == {}


def test_a_size_of_pictures_without_labels_is_refused() -> None:
    rows, labels = digits()
    model = LogisticRegression(max_iter=300).fit(rows, labels)

    with pytest.raises(UsageError, match="needs labels: give y too"):
        quietly_converted(model, rows, trials=Trials(image=(8, 8)))
    with pytest.raises(UsageError, match="no input holds pictures of 9 x 9 pixels"):
        quietly_converted(model, rows, labels, trials=Trials(image=(9, 9)))
