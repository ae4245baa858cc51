"""A week out of reach, on a virtual clock: bounded disk and memory, and nothing counted twice.

By ``python -m benchmarks offline`` the same with a window each five minutes and twenty features.
"""

from pathlib import Path

import pytest

from tests.support.offline_week import live_offline


@pytest.mark.parametrize("restarts", [False, True])
def test_a_week_in_a_small_outbox_becomes_coarser_and_loses_nothing(
    tmp_path: Path, *, restarts: bool
) -> None:
    week = live_offline(tmp_path, days=7, interval_s=7200.0, outbox_bytes=8_000, restarts=restarts)

    assert week.windows == pytest.approx(87, abs=6)
    assert week.largest_outbox_bytes <= 8_000
    assert week.merged_rows == week.rows > 200
    assert (week.lost_rows, week.left) == (0, 0)
    assert week.repeated > 0  # some came twice, and were merged once
    assert week.longest_window_s > 86_400.0
    assert set(week.told) == {
        "outbox is full (8000 bytes): from now on its oldest windows are merged into longer ones; "
        "nothing is lost",
    }
    assert week.largest_file_bytes < 5_000_000
    assert week.memory_growth_bytes < 2_000_000


def test_a_week_with_restarts_in_an_outbox_that_is_too_small_says_what_it_lost(
    tmp_path: Path,
) -> None:
    week = live_offline(tmp_path, days=7, interval_s=7200.0, outbox_bytes=2_000, restarts=True)

    assert week.largest_outbox_bytes <= 2_000
    assert week.lost_rows > 0
    assert week.merged_rows + week.lost_rows == week.rows
    assert week.left == 0
    assert "forgot the statistics of" in week.told[-1]


def test_a_week_in_the_usual_outbox_keeps_every_window(tmp_path: Path) -> None:
    week = live_offline(tmp_path, days=7, interval_s=7200.0, outbox_bytes=32_000_000, restarts=True)

    assert week.merged_rows == week.rows
    assert week.longest_window_s < 2 * 7200.0
    assert (week.lost_rows, week.left, week.told) == (0, 0, ())
