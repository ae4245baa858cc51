import math

import pytest

from cloud_sync.statistics_view import EvidenceView
from edgefleet.report.drawing import interval_chart, shape_of, sparkline, timeline_of
from tests.support.report_views import feature_view


def points(*evidence: float) -> list[EvidenceView]:
    return [EvidenceView(1000.0 + 10.0 * k, value) for k, value in enumerate(evidence)]


def test_evidence_is_drawn_on_a_scale_of_decades_with_the_threshold_in_the_middle() -> None:
    line = timeline_of(points(0.01, 1.0, 100.0))

    assert line is not None
    assert line.line == "M0 64L120 32L240 0"
    assert line.threshold == 32
    assert (line.begin_unix_s, line.end_unix_s, line.highest) == (1000.0, 1020.0, 100.0)


def test_evidence_beyond_the_scale_stays_in_the_picture() -> None:
    line = timeline_of(points(0.0, 1e9, math.nan))

    assert line is not None
    assert line.line == "M0 64L240 0"


@pytest.mark.parametrize("history", [[], points(1.0), points(math.nan, 2.0)])
def test_one_point_is_no_line(history: list[EvidenceView]) -> None:
    assert timeline_of(history) is None


def test_points_that_fall_on_one_spot_are_drawn_once() -> None:
    line = timeline_of(points(*[1.0] * 5000))

    assert line is not None
    assert line.line.count("L") == 240


def test_histograms_share_their_scale() -> None:
    feature = feature_view("left", shift=1.0)

    shape = shape_of(feature)

    assert shape is not None
    assert shape.reference.startswith("M0 64V")
    assert shape.reference.endswith("V64")
    assert shape.reference != shape.live


def test_intervals_share_an_axis_that_shows_them_closely() -> None:
    [held_out, estimated] = interval_chart(
        [("held-out", 0.96, 0.0), ("estimated", 0.88, 0.01), ("measured", math.nan, 0.0)]
    )

    assert 0.0 < estimated.low < estimated.x < estimated.high < held_out.x < 240.0
    assert held_out.low == held_out.x == held_out.high
    assert interval_chart([("measured", math.nan, 0.0)]) == []


def test_a_sparkline_shows_what_is_there_at_all() -> None:
    assert sparkline([0.0, 0.001, 0.5, 1.0]) == " ▁▄█"
    assert sparkline([0.5], top=1.0) == "▄"
    assert sparkline([]) == ""
