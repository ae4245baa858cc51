"""``edgefleet report`` in this process, against the real API on loopback."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge_contract.errors import UsageError
from edgefleet.options import duration_s
from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import MemoryCloud
from tests.support.report_views import feature_view, statistics_view
from tests.support.tiny_package import tiny_package

Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def seen(backend: MemoryCloud) -> None:
    """A cloud whose digits 1.0.0 drifted, in Oslo more than elsewhere."""
    backend.push(tiny_package("digits", "1.0.0").to_archive(), by="test")
    everywhere = statistics_view(feature_view("left", shift=1.2), feature_view("right"))
    oslo = statistics_view(feature_view("left", shift=1.9), rows=10_200)
    backend.put_statistics(everywhere)
    backend.put_statistics(replace(oslo, segment="site=oslo"))


def test_a_report_is_printed(run: Run) -> None:
    shown = run("report", "digits@1.0.0")

    assert shown.code == 0
    assert "✗ 1 of 2 columns drifted" in shown.out
    assert "31,904 rows from 18 devices" in shown.out


def test_a_report_is_written_as_a_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "out.html"

    shown = run("report", "digits@1.0.0", "--html", str(page))

    assert shown.out == f"1 of 2 columns drifted; the report is in {page}\n"
    assert "<title>digits 1.0.0" in page.read_text("utf-8")


def test_a_segment_is_reported_by_itself(run: Run) -> None:
    shown = run("report", "digits@1.0.0", "--segment", "site=oslo", "--json")
    missing = run("report", "digits@1.0.0", "--segment", "site=hamar")
    wrong = run("report", "digits@1.0.0", "--segment", "oslo")

    told = json.loads(shown.out)
    assert (told["segment"], told["rows"]) == ("site=oslo", 10_200)
    assert missing.code == wrong.code == 2
    assert "no device is in segment 'site=hamar'" in missing.err


def test_json_comes_back_as_it_was_put(run: Run) -> None:
    told = json.loads(run("report", "digits@1.0.0", "--json").out)

    left, _ = told["features"]
    assert (left["subject"], left["drifted"], left["test"]) == ("feature:left", True, "e-detector")
    assert len(left["history"]) == 60
    assert told["segments"][0]["segment"] == "site=oslo"


def test_the_time_to_look_back_is_told_to_the_cloud(run: Run) -> None:
    told = json.loads(run("report", "digits@1.0.0", "--since", "24h", "--json").out)

    assert told["since_unix_s"] == pytest.approx(time.time() - 86_400.0, abs=30.0)


def test_a_version_that_is_not_there_is_said(run: Run) -> None:
    refused = run("report", "digits@9.9.9")

    assert refused.code == 2
    assert "no digits@9.9.9 in the registry" in refused.err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90.0), ("30m", 1800.0), ("24h", 86_400.0), ("7d", 604_800.0), ("1.5h", 5400.0)],
)
def test_spans_of_time_are_read(text: str, seconds: float) -> None:
    assert duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "24", "-1h", "0s", "nanh", "infd", "1y"])
def test_what_is_no_span_of_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="span of time"):
        duration_s(text)
