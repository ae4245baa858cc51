import json

import pytest

from cloud_sync.core.analysis import ERROR_NOTE
from cloud_sync.core.analysis.error_estimate import error_estimate
from edge_contract.package import ErrorModel, ErrorTerm
from edge_contract.stats import (
    CategoriesSpec,
    Column,
    Profile,
    ProfileSpec,
    SketchSpec,
)

AGE = ErrorTerm(
    "feature:age",
    cuts=(10.0, 20.0),
    is_category=False,
    rows=(0, 500, 400, 100),
    absolute=(0.0, -1.0, 0.0, 5.0),
    squared=(0.0, -10.0, 0.0, 50.0),
)
COLOUR = ErrorTerm(
    "feature:colour",
    cuts=(),
    is_category=True,
    rows=(100, 500, 300, 100),
    absolute=(4.0, 0.0, 0.0, -4.0),
    squared=(40.0, 0.0, 0.0, -40.0),
)
MODEL = ErrorModel(1000, 3.0, 25.0, 4.0, 400.0, explained=0.4, terms=(AGE, COLOUR))
SPEC = ProfileSpec(
    (
        Column("feature:age", SketchSpec()),
        Column("feature:colour", CategoriesSpec(2)),
        Column("prediction", SketchSpec()),
    )
)


def window(*rows: tuple[float, float]) -> Profile:
    profile = SPEC.empty()
    for age, colour in rows:
        profile.observe(0, (age,))
        profile.observe(1, (colour,))
        profile.observe(2, (1.0,))
    return profile


NAN = float("nan")


@pytest.mark.parametrize(
    ("row", "mae", "rmse"),
    [
        ((5.0, 0.0), 2.0, 15.0**0.5),
        ((15.0, 1.0), 3.0, 5.0),
        ((25.0, 0.0), 8.0, 75.0**0.5),
        ((float("inf"), 0.0), 8.0, 75.0**0.5),
        ((-3.0, NAN), 6.0, 55.0**0.5),
        ((15.0, -7.0), 0.0, 0.0),  # no error is below zero, and none larger than its root square
        ((NAN, 0.0), 3.0, 5.0),
    ],
)
def test_each_subject_adds_its_part(row: tuple[float, float], mae: float, rmse: float) -> None:
    found = error_estimate(MODEL, window(row))

    assert found is not None
    assert found.mae == pytest.approx(mae)
    assert found.rmse == pytest.approx(rmse)


def test_the_mean_over_rows_needs_only_how_often_each_value_comes_up() -> None:
    found = error_estimate(MODEL, window((5.0, 0.0), (25.0, 1.0), (15.0, 0.0), (15.0, 0.0)))

    assert found is not None
    assert found.rows == 4
    assert found.mae == pytest.approx(3.0 + (-1.0 + 5.0) / 4)
    assert found.rmse == pytest.approx((25.0 + (-10.0 + 50.0) / 4) ** 0.5)


def test_rows_as_in_the_reference_are_estimated_best() -> None:
    usual = [(5.0, 0.0)] * 50 + [(15.0, 0.0)] * 40 + [(25.0, 0.0)] * 10
    alike = error_estimate(ErrorModel(1000, 3.0, 25.0, 4.0, 400.0, terms=(AGE,)), window(*usual))
    other = error_estimate(
        ErrorModel(1000, 3.0, 25.0, 4.0, 400.0, terms=(AGE,)), window(*[(25.0, 0.0)] * 100)
    )

    assert alike is not None
    assert other is not None
    assert alike.calibration_error == pytest.approx((4.0 / 1000) ** 0.5)
    assert other.calibration_error > 3 * alike.calibration_error
    assert other.chance_error == 0.0  # all of these rows are alike


def test_dependent_rows_are_less_sure() -> None:
    rows = window((5.0, 0.0), (25.0, 1.0))

    one, two = (error_estimate(MODEL, rows, variance_inflation=tau) for tau in (1.0, 4.0))

    assert one is not None
    assert two is not None
    assert two.chance_error == pytest.approx(2 * one.chance_error)
    assert two.standard_errors["rmse"] > one.standard_errors["rmse"]


def test_what_the_shadow_does_not_see_is_as_in_the_reference() -> None:
    shadow = ProfileSpec((Column("prediction", SketchSpec()),)).empty()
    shadow.observe(0, (1.0,))

    found = error_estimate(MODEL, shadow)

    assert found is not None
    assert found.mae == pytest.approx(3.0)


def test_no_rows_are_no_estimate() -> None:
    assert error_estimate(MODEL, SPEC.empty()) is None


def test_its_report_says_what_it_cannot_see() -> None:
    found = error_estimate(MODEL, window((5.0, 0.0)))

    assert found is not None
    report = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert report["note"] == ERROR_NOTE
    assert "concept drift" in ERROR_NOTE
    assert set(report["standard_errors"]) == {"mae", "rmse"}
