import json
import random

import pytest

from cloud_sync.core.analysis import quality
from cloud_sync.core.analysis.quality import binomial_deviation
from edge_contract.stats import Labels, LabelsSpec


def labels(rows: list[tuple[float, float, float]], classes: int = 3) -> Labels:
    found = LabelsSpec(classes).empty()
    for row in rows:
        found.observe(row)
    return found


def test_quality_per_class_and_on_average() -> None:
    rows = [(0.0, 0.0, 0.9)] * 6 + [(0.0, 1.0, 0.6)] * 2 + [(1.0, 1.0, 0.8)] * 2

    found = quality(labels(rows))

    assert found is not None
    assert found.rows == 10
    assert found.accuracy == 0.8
    assert found.classes[0].precision == 0.75
    assert found.classes[1].recall == 0.5
    assert found.classes[1].f1 == pytest.approx(2 / 3)
    assert found.precision == 0.875
    assert found.recall == 0.75


def test_a_class_that_never_came_up_does_not_lower_the_mean() -> None:
    found = quality(labels([(0.0, 0.0, 1.0), (1.0, 1.0, 1.0)]))

    assert found is not None
    assert found.f1 == 1.0
    assert found.classes[2].f1 == 0.0


def test_calibration_error_is_the_mean_gap() -> None:
    sure_and_wrong = quality(labels([(0.0, 1.0, 0.9)] * 4))
    sure_and_right = quality(labels([(0.0, 0.0, 0.9)] * 9 + [(0.0, 1.0, 0.9)]))

    assert sure_and_wrong is not None
    assert sure_and_wrong.calibration_error == pytest.approx(0.9)
    assert sure_and_right is not None
    assert sure_and_right.calibration_error == pytest.approx(0.0, abs=1e-9)


def test_of_two_classes_the_second_one_is_meant() -> None:
    rows = [(0.0, 0.0, 0.9)] * 6 + [(0.0, 1.0, 0.6)] * 2 + [(1.0, 1.0, 0.8)] * 2

    found = quality(labels(rows, classes=2))

    assert found is not None
    assert (found.precision, found.recall) == (1.0, 0.5)
    assert found.macro == {"precision": 0.875, "recall": 0.75, "f1": pytest.approx(16 / 21)}


def test_standard_errors_are_those_of_shares() -> None:
    rows = [(0.0, 0.0, 0.9)] * 60 + [(0.0, 1.0, 0.6)] * 20 + [(1.0, 1.0, 0.8)] * 20

    found = quality(labels(rows, classes=2), variance_inflation=4.0)

    assert found is not None
    assert found.standard_errors["accuracy"] == pytest.approx(2 * (0.8 * 0.2 / 100) ** 0.5)
    assert found.standard_errors["precision"] == 0.0
    assert found.standard_errors["recall"] == pytest.approx(2 * (0.5 * 0.5 / 40) ** 0.5)
    assert found.standard_errors["f1"] == pytest.approx(2 * (8 / 9) * (0.5 * 0.5 / 40) ** 0.5)


@pytest.mark.parametrize(
    ("rows", "probability", "deviation"),
    [(1, 0.5, 0.5), (2, 0.5, 0.5), (4, 0.5, 0.75), (3, 0.2, 0.6144), (0, 0.5, 0.0), (9, 1.0, 0.0)],
)
def test_the_mean_absolute_deviation_of_a_binomial(
    rows: int, probability: float, deviation: float
) -> None:
    assert binomial_deviation(rows, probability) == pytest.approx(deviation)


def test_the_deviation_of_many_rows_is_that_of_a_normal() -> None:
    spread = (10_000 * 0.3 * 0.7) ** 0.5

    assert binomial_deviation(10_000, 0.3) == pytest.approx(0.79788 * spread, rel=1e-3)


def test_a_calibrated_model_has_no_calibration_error_but_its_floor() -> None:
    rng = random.Random(8)
    found = []
    for _ in range(200):
        rows = [(0.0, float(rng.random() > p), p) for p in (rng.random() for _ in range(200))]
        found.append(quality(labels(rows, classes=2)))
    errors = [each.calibration_error or 0.0 for each in found if each is not None]
    floors = [each.calibration_floor for each in found if each is not None]

    assert sum(errors) / 200 > 0.05
    assert sum(errors) / 200 == pytest.approx(sum(floors) / 200, rel=0.05)


def test_what_is_above_the_floor_is_the_models_own() -> None:
    found = quality(labels([(0.0, 1.0, 0.9)] * 50 + [(0.0, 0.0, 0.9)] * 50))

    assert found is not None
    assert found.excess_calibration_error == pytest.approx(0.4 - found.calibration_floor)
    assert found.calibration_floor == pytest.approx(0.024, abs=0.002)


def test_without_probabilities_there_is_no_calibration_error() -> None:
    found = quality(labels([(0.0, 0.0, float("nan"))]))

    assert found is not None
    assert found.calibration_error is None
    assert "calibration_error" not in found.to_json()


def test_no_label_is_no_quality() -> None:
    assert quality(labels([])) is None
    assert quality(labels([(9.0, 0.0, 0.5)])) is None


def test_a_report_is_plain_json() -> None:
    found = quality(labels([(0.0, 0.0, 0.9)]))

    assert found is not None
    assert json.loads(json.dumps(found.to_json()))["per_class"][0]["truths"] == 1
