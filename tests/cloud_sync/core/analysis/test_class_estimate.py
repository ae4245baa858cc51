import math

import pytest

from cloud_sync.core.analysis.class_estimate import Cell, Expected, class_estimate, mean_of


def cell(rows: float, share: float, *, predicted: bool, labels: float = math.inf) -> Cell:
    return Cell(rows, share, labels, predicted)


CELLS = [
    cell(300, 0.1, predicted=False),
    cell(100, 0.3, predicted=False),
    cell(100, 0.6, predicted=True),
    cell(200, 0.9, predicted=True),
]


def test_metrics_are_those_of_the_expected_confusion() -> None:
    found = class_estimate(CELLS)

    assert found.predicted == 300
    assert found.expected == pytest.approx(300)  # 240 right ones and 60 missed ones
    assert found.precision.value == pytest.approx(0.8)
    assert found.recall.value == pytest.approx(0.8)
    assert found.f1.value == pytest.approx(0.8)


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    # One row of the class and three others in the lower cell, one of the class above them. In the
    # lower cell the share rises by 3/8 as far as one can tell: 16 / 12 of that are in order beyond
    # half of its pairs.
    found = class_estimate([cell(4, 0.25, predicted=False), cell(1, 1.0, predicted=True)])

    assert found.roc_auc is not None
    assert found.roc_auc.value == pytest.approx((1 * 3 + 1 * 3 / 2 + 16 / 12 * 3 / 8) / (2 * 3))


def test_the_order_within_cells_is_not_lost() -> None:
    # Rows spread evenly from 0 to 1, each of the class as often as its probability says: of two
    # rows of different kinds, 5 times in 6 the one of the class has the higher probability.
    cells = [cell(10, (k + 0.5) / 64, predicted=k >= 32) for k in range(64)]

    found = class_estimate(cells)

    assert found.roc_auc is not None
    assert found.roc_auc.value == pytest.approx(5 / 6, abs=1e-5)


def test_without_an_order_there_is_no_area() -> None:
    assert class_estimate(CELLS, with_area=False).roc_auc is None


def test_a_class_that_nothing_says_anything_about_is_zero() -> None:
    found = class_estimate([cell(10, 0.0, predicted=False)])

    assert (found.precision.value, found.recall.value, found.f1.value) == (0.0, 0.0, 0.0)
    assert found.roc_auc is None
    assert not found.comes_up


def test_sums_that_are_known_better_bend_the_shares() -> None:
    found = class_estimate(CELLS, right=270.0, missed=30.0)

    assert found.precision.value == pytest.approx(0.9, abs=1e-4)
    assert found.recall.value == pytest.approx(0.9, abs=1e-4)
    assert found.roc_auc is not None
    assert found.roc_auc.value > class_estimate(CELLS).roc_auc.value  # type: ignore[union-attr]


def test_sums_that_cannot_be_leave_the_shares_alone() -> None:
    assert class_estimate(CELLS, right=900.0, missed=-1.0) == class_estimate(CELLS)


def test_a_share_without_spread_has_no_error_of_precision_by_chance() -> None:
    found = class_estimate([cell(50, 0.2, predicted=False), cell(50, 0.8, predicted=True)])

    assert found.precision.chance_error == 0.0
    assert found.recall.chance_error > 0.0


def test_four_times_the_rows_halve_the_error_by_chance_and_not_that_by_labels() -> None:
    few = class_estimate([c._replace(labels=100.0) for c in CELLS])
    many = class_estimate([c._replace(labels=100.0, rows=4 * c.rows) for c in CELLS])

    for name in ("precision", "recall", "f1", "roc_auc"):
        before, after = getattr(few, name), getattr(many, name)
        assert after.value == pytest.approx(before.value)
        assert after.chance_error == pytest.approx(before.chance_error / 2, rel=0.01)
        assert after.calibration_error == pytest.approx(before.calibration_error)


def test_the_error_by_labels_is_what_one_share_changes() -> None:
    cells = [c._replace(labels=100.0 if c is CELLS[2] else math.inf) for c in CELLS]
    moved = [c._replace(share=c.share + 0.001) if i == 2 else c for i, c in enumerate(CELLS)]

    found, other = class_estimate(cells), class_estimate(moved)

    spread = math.sqrt(0.6 * 0.4 / 100)
    for name in ("precision", "recall", "f1", "roc_auc"):
        slope = (getattr(other, name).value - getattr(found, name).value) / 0.001
        assert getattr(found, name).calibration_error == pytest.approx(
            abs(slope) * spread, rel=0.01
        )


def test_a_mean_of_independent_metrics_is_surer_than_each() -> None:
    found = mean_of([Expected(0.8, 0.03, 0.04), Expected(0.6, 0.03, 0.04)])

    assert found.value == pytest.approx(0.7)
    assert found.standard_error == pytest.approx(0.05 / math.sqrt(2))


def test_dependent_rows_make_it_less_sure() -> None:
    found = class_estimate(CELLS).inflated(3.0)

    assert found.recall.chance_error == pytest.approx(3 * class_estimate(CELLS).recall.chance_error)
    assert found.recall.value == class_estimate(CELLS).recall.value
