from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from cloud_sync.statistics_view import StatisticsView
from edgefleet.report.content import fleet_report
from edgefleet.report.terminal import print_report
from tests.support.report_views import bare, category_view, feature_view, statistics_view


def printed(view: StatisticsView, *, width: int = 80) -> str:
    out = StringIO()
    print_report(fleet_report(view), console=Console(file=out, width=width, highlight=False))
    return out.getvalue()


DRIFTED = statistics_view(
    feature_view("left", shift=1.5),
    category_view("city", labels=["oslo", "bergen", "(new)"]),
    *(feature_view(f"calm_{k}") for k in range(60)),
)


@pytest.mark.parametrize("width", [80, 140])
def test_nothing_is_wider_than_the_terminal(width: int) -> None:
    lines = printed(DRIFTED, width=width).splitlines()

    assert max(map(len, lines)) <= width


def test_the_verdict_comes_first_and_the_worst_columns_before_the_others() -> None:
    text = printed(DRIFTED)
    lines = text.splitlines()

    assert lines[0] == "digits 1.0.0 against its reference of 1,797 rows"
    assert lines[2] == "✗ 2 of 62 columns drifted"
    assert "accuracy     0.960  0.884 ± 0.012  0.871 ± 0.014" in text
    assert "F1           0.957          0.878          0.866  0.910 worse" in text
    assert "it cannot see concept drift" in text
    assert text.index("site=oslo") < text.index("lens=wide")
    assert "differs by more than chance" in text
    assert text.rindex("left") < text.rindex("calm_0")
    assert "and 42 more; --html FILE and --json have them all" in text


def test_names_cannot_steer_the_terminal_nor_rich() -> None:
    view = statistics_view(feature_view("[red]left\x1b[2J\x07[/red]", shift=1.5))

    text = printed(view)

    assert "[red]left\\x1b[2J\\x07[/red]" in text
    assert "\x1b" not in text
    assert "\x07" not in text


def test_without_drift_it_is_short() -> None:
    text = printed(bare(statistics_view(feature_view("left", history=0))))

    assert "✓ No drift in 1 column" in text
    assert len(text.splitlines()) < 15


def test_what_is_withheld_is_said() -> None:
    view = replace(bare(statistics_view()), suppressed="withheld: they rest on 1 device")

    assert "· Statistics are withheld: they rest on 1 device" in printed(view)
