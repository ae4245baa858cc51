import math
from dataclasses import replace

import pytest

from cloud_sync.backend import FeatureView
from cloud_sync.dashboard.charts import Bar, ends_of, histogram, stacked
from cloud_sync.dashboard.evidence import Line, gate_lines, plain_lines
from cloud_sync.dashboard.wording import decimal, number, score, share, tone, when
from edge_contract.reading import JsonObject


def feature(reference: list[float], live: list[float], edges: list[float]) -> FeatureView:
    return FeatureView("feature:x", False, 0.1, 0.1, 0.1, 0.0, 0.0, edges, reference, live)


def test_the_highest_bar_of_both_fills_the_chart() -> None:
    chart = histogram(feature([0.25, 0.75], [1.0, 0.0], [0.0, 1.0, 2.0]))

    assert chart is not None
    assert chart.bars == (Bar(0.5, 48.0, 119.0, 16.0), Bar(120.5, 16.0, 119.0, 48.0))
    assert chart.line == "M0 64V0.00H120.00V64.00H240.00V64"
    assert (chart.low, chart.high) == ("0", "2")


def test_without_live_rows_only_the_reference_is_drawn() -> None:
    chart = histogram(feature([0.5, 0.5], [0.0, 0.0], [0.0, 1.0, 2.0]))

    assert chart is not None
    assert len(chart.bars) == 2
    assert chart.line == ""


@pytest.mark.parametrize(
    ("reference", "live", "edges"),
    [([], [], []), ([0.0], [0.0], [0.0, 1.0]), ([1.0], [1.0], [0.0])],
)
def test_without_a_distribution_there_is_no_chart(
    reference: list[float], live: list[float], edges: list[float]
) -> None:
    assert histogram(feature(reference, live, edges)) is None


def test_the_axis_ends_at_whole_numbers_or_with_the_names_of_categories() -> None:
    whole = feature([0.5, 0.5], [0.5, 0.5], [-0.5, 0.5, 1.5])
    named = replace(whole, labels=("oslo", "(new)"))

    assert ends_of(whole) == ("0", "1")
    assert ends_of(named) == ("oslo", "(new)")
    assert ends_of(feature([0.5, 0.5], [0.5, 0.5], [-0.25, 0.5, 1.25])) == ("-0.25", "1.25")


def test_devices_are_stacked_from_well_to_unwell() -> None:
    states = {"a": "failed", "b": "succeeded", "c": "succeeded", "d": "in_progress"}

    bar = stacked(states)

    assert [(part.state, part.count, part.tone) for part in bar] == [
        ("succeeded", 2, "good"),
        ("in_progress", 1, "busy"),
        ("failed", 1, "bad"),
    ]
    assert [(part.x, part.width) for part in bar] == [(0.0, 50.0), (50.0, 25.0), (75.0, 25.0)]
    assert stacked({}) == ()


def test_gates_are_found_wherever_evidence_holds_them() -> None:
    single: JsonObject = {
        "gate": "drift",
        "verdict": "fail",
        "sentence": "moved",
        "evidence": {"n": 12},
    }
    several: JsonObject = {"gates": [single, {"gate": "safety", "verdict": "pass"}], "alpha": 0.05}

    assert [gate.gate for gate in gate_lines(single)] == ["drift"]
    assert gate_lines(single)[0].lines == [Line("n", "12")]
    assert plain_lines(single) == []
    assert [(gate.gate, gate.verdict) for gate in gate_lines(several)] == [
        ("drift", "fail"),
        ("safety", "pass"),
    ]
    assert plain_lines(several) == [Line("alpha", "0.05")]


def test_other_evidence_is_written_as_names_and_texts() -> None:
    evidence: JsonObject = {
        "at_most": 0.02114,
        "control": {"rows": 7310, "known": True},
        "devices": ["a", "b"],
        "nobody": [],
        "feature:pixel_0_1": {"ks": None},
        "looks": [{"n": 1}, {"n": 2}],
    }

    assert plain_lines(evidence) == [
        Line("at most", "0.02114"),
        Line("control · rows", "7,310"),
        Line("control · known", "yes"),
        Line("devices", "a, b"),
        Line("nobody", "none"),
        Line("feature:pixel_0_1 · ks", "\N{EN DASH}"),
        Line("looks · 1 · n", "1"),
        Line("looks · 2 · n", "2"),
    ]


def test_long_evidence_is_cut_and_says_so() -> None:
    lines = plain_lines({f"key {index}": index for index in range(100)})

    assert len(lines) == 61
    assert lines[-1] == Line("...", "40 more; the API has them all")
    assert plain_lines({"devices": ["d"] * 14})[0].text.endswith("d and 2 more")


def test_numbers_are_written_for_people() -> None:
    assert number(9_999_999) == "9,999,999"
    assert number(12_345_678) == "12.3 M"
    assert number(12_345_678_901) == "12.3 G"
    assert decimal(0.123456) == "0.123"
    assert decimal(123_456.0) == "123,456"
    assert decimal(math.nan) == decimal("text") == decimal(True) == "\N{EN DASH}"
    assert (score(6e-10), score(0.314), score(3.4), score(1234.5)) == ("0", "0.31", "3.40", "1,234")
    assert score(math.nan) == "\N{EN DASH}"
    assert share(0.005) == "0.5 %"
    assert share(math.inf) == "\N{EN DASH}"


def test_a_time_carries_what_the_script_needs() -> None:
    assert str(when(1_800_000_000.0)) == (
        '<time datetime="2027-01-15T08:00:00Z" data-ago>2027-01-15 08:00:00 UTC</time>'
    )
    assert str(when(0.0)) == "never"


def test_a_state_that_is_not_known_has_no_colour() -> None:
    assert (tone("succeeded"), tone("rolled_back"), tone("dreaming")) == ("good", "bad", "idle")
