"""Windows end with the wall clock's, fit into messages, and merge into longer ones."""

import math
from dataclasses import replace

import pytest

from edge_agent.core.windows import WindowClock, batches_of, merged_entries
from edge_contract.errors import MessageError
from edge_contract.messages import MAX_PAYLOAD_BYTES, BatchId, Counters, encode
from tests.support.agent_batches import DIGEST, SPEC, bulky_state, entry, merge

FIRST = BatchId("cam-7", boot=3, seq=5)
OTHER = "sha256:" + "0e" * 32


# When a window ends.


def test_a_window_ends_with_a_whole_multiple_of_its_length_by_the_wall_clock() -> None:
    clock = WindowClock(60.0, 0.0)

    clock.restart(now_s=7.0, at_unix_s=1_800_000_025.0)

    assert clock.closes_at_s == 7.0 + 35.0


def test_windows_that_end_on_time_are_all_equally_long() -> None:
    clock = WindowClock(60.0, 2.5)
    clock.restart(now_s=0.0, at_unix_s=1_800_000_000.0)

    ends_s = []
    for _ in range(3):
        ends_s.append(clock.closes_at_s)
        clock.restart(clock.closes_at_s, 1_800_000_000.0 + clock.closes_at_s)

    assert ends_s == [62.5, 122.5, 182.5]


def test_a_window_that_was_closed_late_is_followed_by_a_shorter_one() -> None:
    clock = WindowClock(60.0, 0.0)

    clock.restart(now_s=75.0, at_unix_s=1_800_000_075.0)

    assert clock.closes_at_s == 120.0


def test_a_clock_set_back_by_a_moment_does_not_close_the_same_window_twice() -> None:
    clock = WindowClock(60.0, 0.0)
    clock.restart(now_s=0.0, at_unix_s=1_800_000_000.0)

    clock.restart(now_s=60.0, at_unix_s=1_800_000_059.9)

    assert clock.closes_at_s == pytest.approx(120.1)


@pytest.mark.parametrize("at_unix_s", [0.0, 3.0, 1_799_999_000.0, 4_000_000_000.5])
def test_a_clock_that_jumps_ends_the_next_window_within_one_length_and_a_bit(
    at_unix_s: float,
) -> None:
    clock = WindowClock(60.0, 6.0)
    clock.restart(now_s=0.0, at_unix_s=1_800_000_000.0)

    clock.restart(now_s=66.0, at_unix_s=at_unix_s)

    assert 66.0 + 6.0 < clock.closes_at_s <= 66.0 + 66.0 + 6.0


# How entries become batches.


def test_what_fits_into_one_message_is_one_batch() -> None:
    entries = [entry(1.0), entry(2.0, package=OTHER)]

    batches, left_out, _ = batches_of(entries, FIRST)

    assert [batch.batch_id for batch in batches] == [FIRST]
    assert batches[0].entries == tuple(entries)
    assert left_out == []


def test_more_than_fits_is_cut_into_batches_with_rising_numbers() -> None:
    entries = [
        replace(entry(float(number)), profile={0: bulky_state(30_000, number)})
        for number in range(5)
    ]

    batches, left_out, _ = batches_of(entries, FIRST)

    assert [batch.batch_id.seq for batch in batches] == [5, 6, 7, 8, 9]
    assert [window for batch in batches for window in batch.entries] == entries
    assert all(batch.span == 1 for batch in batches)
    assert left_out == []


def test_a_big_profile_is_spread_over_batches_and_its_rows_counted_once() -> None:
    states = {column: bulky_state(20_000, column) for column in range(6)}
    window = replace(entry(1.0, 2.0), profile=states)

    batches, left_out, messages = batches_of([window], FIRST)

    pieces = [piece for batch in batches for piece in batch.entries]
    assert len(batches) > 1
    assert messages == [encode(batch) for batch in batches]
    assert all(len(message) <= MAX_PAYLOAD_BYTES for message in messages)
    assert {column: state for p in pieces for column, state in p.profile.items()} == states
    assert [piece.counters for piece in pieces] == [
        Counters(rows=2, calls=2),
        *[Counters()] * (len(pieces) - 1),
    ]
    assert {(p.start_unix_s, p.end_unix_s) for p in pieces} == {(0.0, 60.0)}
    assert left_out == []


def test_a_statistic_that_is_too_big_by_itself_is_left_out_and_nothing_else() -> None:
    small = entry(1.0, 2.0)
    window = replace(small, profile={**small.profile, 7: bulky_state(90_000)})

    batches, left_out, _ = batches_of([window, entry(4.0)], FIRST)

    pieces = [piece for batch in batches for piece in batch.entries]
    assert sum(piece.counters.rows for piece in pieces) == 3
    assert sorted(column for piece in pieces for column in piece.profile) == [0, 0, 1, 1]
    (text,) = left_out
    assert text.startswith(f"left out the statistic in column 7 of package {DIGEST}: ")
    assert "allowed are 64000" in text


def test_a_statistic_that_holds_nan_does_not_stop_the_others() -> None:
    window = replace(entry(1.0), profile={0: [0, 1], 1: [1, 0, math.nan, 0.0, 0.0, 0.0]})

    batches, left_out, _ = batches_of([window], FIRST)

    assert sum(piece.counters.rows for batch in batches for piece in batch.entries) == 1
    assert [list(p.profile) for batch in batches for p in batch.entries if p.profile] == [[0]]
    assert len(left_out) == 1


def test_a_window_whose_times_are_no_numbers_is_refused() -> None:
    with pytest.raises(MessageError, match="cannot be encoded"):
        batches_of([entry(1.0, end_unix_s=math.nan)], FIRST)


# How windows merge.


def test_windows_of_one_package_and_role_become_one_of_both() -> None:
    early = entry(1.0, 0.0, start_unix_s=120.0, end_unix_s=180.0)
    late = entry(1.0, -8.0, start_unix_s=180.0, end_unix_s=240.0)

    merged = merge([late, early])

    assert merged == (entry(1.0, -8.0, 1.0, 0.0, start_unix_s=120.0, end_unix_s=240.0),)


def test_windows_of_different_roles_and_packages_stay_apart() -> None:
    primary, shadow = entry(1.0), replace(entry(2.0), role="shadow")
    strange = [entry(3.0, package=OTHER), entry(4.0, package=OTHER)]
    specs = {(DIGEST, "primary"): SPEC, (DIGEST, "shadow"): SPEC}

    merged = merged_entries([strange[0], primary, shadow, strange[1]], specs)

    assert merged == (primary, shadow, *strange)


def test_a_window_without_profile_adds_its_counters() -> None:
    idle = replace(entry(), counters=Counters(rows=0, failures=2))

    (merged,) = merge([entry(5.0), idle])

    assert merged.counters == Counters(rows=1, calls=1, failures=2)
    assert merged.profile == entry(5.0).profile


def test_a_profile_that_does_not_fit_its_package_is_refused() -> None:
    with pytest.raises(MessageError, match="column 2"):
        merge([entry(1.0), replace(entry(1.0), profile={2: []})])
