"""A ring gives back what was appended, in order, and says what it has no room for."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.adapters.ring import Ring, RingMark
from tests.edge_agent.adapters.rings import WIDE, numbered, numbers_in, row_of


@pytest.fixture
def ring(path: Path) -> Iterator[Ring]:
    ring = Ring(path, 3)
    yield ring
    ring.close()


def test_a_ring_holds_at_most_four_megabytes_and_16384_rows(tmp_path: Path) -> None:
    narrow, wide = Ring(tmp_path / "narrow", 3), Ring(tmp_path / "wide", 1000)
    assert (narrow.rows, wide.rows) == (16384, 1000)
    narrow.close()
    wide.close()


def test_rows_come_back_as_they_were_appended(ring: Ring) -> None:
    ring.append([numbered(0, 2)], 2, 10.0)
    ring.append([numbered(2, 1)], 1, 11.0)

    assert [block.tolist() for block in ring.read(0, 3)] == [
        [[0.0, 0.0, 0.5], [1.0, -1.0, 1.5], [2.0, -2.0, 2.5]]
    ]
    assert ring.mark == RingMark(rows=3)
    assert ring.read(2, 2) == []


def test_parts_stand_side_by_side_and_a_lone_number_in_the_first_row(ring: Ring) -> None:
    block = np.array([[1.0], [2.0]], np.float32)
    column = np.array([3.0, 4.0], np.float32)

    ring.append([block, column, 5.0], 2, 10.0)

    (rows,) = ring.read(0, 2)
    assert rows[0].tolist() == [1.0, 3.0, 5.0]
    assert rows[1, :2].tolist() == [2.0, 4.0]
    assert np.isnan(rows[1, 2])


def test_a_call_of_one_row_is_appended_like_any_other(ring: Ring) -> None:
    ring.lay_out_calls(0)
    ring.append([numbered(0, 2)], 2, 10.0, calls=1)

    room = ring.append_call(np.zeros((1, 0), np.float32), 7.0, float("nan"), 12.5)

    assert room == 16382
    assert (ring.mark, ring.free) == (RingMark(rows=3, calls=2), 16381)
    (rows,) = ring.read(2, 3)
    assert rows[0].tolist() == [7.0, pytest.approx(float("nan"), nan_ok=True), 12.5]


def test_the_three_numbers_of_a_call_stand_where_they_are_laid_out(path: Path) -> None:
    ring = Ring(path, 8)
    ring.lay_out_calls(3)

    ring.append_call(
        np.array([[1, 2, 3]], np.float32), 4.0, 5.0, 6.0, np.array([[7, 8]], np.float32)
    )
    ring.append_call(
        np.array([[9, 9, 9]], np.float32), 1.0, 2.0, 3.0, np.array([[4, 5]], np.float32)
    )

    assert [block.tolist() for block in ring.read(0, 2)] == [
        [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0], [9.0, 9.0, 9.0, 1.0, 2.0, 3.0, 4.0, 5.0]]
    ]
    ring.close()


def test_numbers_that_lie_apart_in_memory_are_appended_too(path: Path) -> None:
    ring = Ring(path, 5)
    ring.lay_out_calls(2)
    ring.append_call(np.array([[1, 2]], np.float32), 3.0, 4.0, 5.0)

    columns = np.array([[6, 60], [7, 70]], np.float32)
    room = ring.append_call(columns[:, :1].T, 8.0, 9.0, 10.0)

    assert room == 16383
    assert ring.mark == RingMark(rows=2, calls=2)
    assert [block.tolist() for block in ring.read(1, 2)] == [[[6.0, 7.0, 8.0, 9.0, 10.0]]]
    ring.close()


def test_a_row_that_is_put_together_is_a_call(path: Path) -> None:
    ring = Ring(path, 3)

    rooms = [ring.append_row(row_of(number, number, number)) for number in range(16386)]

    assert rooms[:2] == [16384, 16383]
    assert rooms[-3:] == [1, 0, 0]
    assert ring.mark == RingMark(rows=16384, calls=16384)
    assert ring.opened_unix_s > 1.7e9
    assert [block.tolist() for block in ring.read(16382, 16384)] == [
        [[16382.0, 16382.0, 16382.0], [16383.0, 16383.0, 16383.0]]
    ]
    ring.close()
    assert ring.append_row(row_of(1.0, 2.0, 3.0)) == 0


def test_calls_go_over_the_end_and_stop_where_there_is_no_room(path: Path) -> None:
    ring = Ring(path, 3)
    ring.lay_out_calls(0)
    ring.append([np.zeros((16383, 3), np.float32)], 16383, 10.0)
    ring.release(16000, 10.0)
    nothing = np.zeros((1, 0), np.float32)

    rooms = [ring.append_call(nothing, float(number), 0.0, 0.0) for number in range(16002)]

    assert rooms[:2] == [16001, 16000]
    assert rooms[-2:] == [1, 0]
    assert ring.mark == RingMark(rows=32384, calls=16001)
    assert numbers_in(ring, 16383, 16386) == [0.0, 1.0, 2.0]
    ring.close()


def test_a_closed_ring_has_no_room_for_calls(path: Path) -> None:
    ring = Ring(path, 3)
    ring.lay_out_calls(0)
    ring.close()

    assert ring.append_call(np.zeros((1, 0), np.float32), 1.0, 2.0, 3.0) == 0


def test_rows_that_go_over_the_end_go_on_at_the_beginning(path: Path) -> None:
    ring = Ring(path, WIDE)
    ring.append([np.zeros((498, WIDE), np.float32)], 498, 10.0)
    ring.release(498, 10.0)
    column = np.arange(5, dtype=np.float32)

    ring.append([column, np.ones((5, WIDE - 2), np.float32), 7.0], 5, 11.0)

    assert [len(block) for block in ring.read(498, 503)] == [2, 3]
    assert numbers_in(ring, 498, 503) == [0.0, 1.0, 2.0, 3.0, 4.0]
    latencies = [row[-1] for block in ring.read(498, 503) for row in block.tolist()]
    assert latencies[0] == 7.0
    assert np.isnan(latencies[1:]).all()
    ring.close()


def test_the_oldest_row_says_since_when_rows_wait(ring: Ring) -> None:
    ring.append([numbered(0, 1)], 1, 10.0)
    ring.append([numbered(1, 1)], 1, 20.0)
    assert ring.opened_unix_s == 10.0

    ring.release(2, 25.0)
    ring.append([numbered(2, 1)], 1, 30.0)

    assert ring.opened_unix_s == 30.0


steps = st.lists(
    st.tuples(st.sampled_from(["append", "release", "reopen"]), st.integers(0, 5000)), max_size=25
)


@given(steps=steps)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_ring_holds_what_a_list_would_hold(path: Path, steps: list[tuple[str, int]]) -> None:
    path.unlink(missing_ok=True)
    ring = Ring(path, 1)
    rows: list[float] = []
    released = 0
    for step, number in steps:
        if step == "append" and number <= ring.free:
            numbers = np.arange(len(rows), len(rows) + number, dtype=np.float32)
            rows += numbers.tolist()
            ring.append([numbers], number, 10.0)
        elif step == "release":
            released = min(released + number, len(rows))
            ring.release(released, 10.0)
        elif step == "reopen":
            ring.close()
            ring = Ring(path, 1)

        assert ring.mark.rows == len(rows)
        assert ring.free == 16384 - len(rows) + released
        assert numbers_in(ring, released, len(rows)) == rows[released:]
    ring.close()
