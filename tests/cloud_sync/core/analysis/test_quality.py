import json

import pytest

from cloud_sync.core.analysis import quality
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
