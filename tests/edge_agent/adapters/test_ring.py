import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.adapters.ring import Ring, RingMark
from edge_contract.errors import UnavailableError
from tests.support.disks import files_of_at_most

WIDE = 2000  # so that a ring has 500 rows only


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.ring"


@pytest.fixture
def ring(path: Path) -> Iterator[Ring]:
    ring = Ring(path, 3)
    yield ring
    ring.close()


def numbered(first: int, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Rows of three numbers that say which rows they are."""
    numbers = np.arange(first, first + count, dtype=np.float32)
    return np.stack([numbers, -numbers, numbers + 0.5], axis=1)


def row_of(*numbers: float) -> memoryview:
    """The bytes of a row."""
    return memoryview(struct.pack(f"{len(numbers)}f", *numbers))


def numbers_in(ring: Ring, first: int, last: int) -> list[float]:
    return [row[0] for block in ring.read(first, last) for row in block.tolist()]


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


def test_calls_and_other_counters_survive_together(path: Path) -> None:
    ring = Ring(path, 3)
    ring.lay_out_calls(0)
    ring.append_call(np.zeros((1, 0), np.float32), 1.0, 2.0, 3.0)
    ring.count(calls=5, failures=1, dropped=4)
    ring.append_call(np.zeros((1, 0), np.float32), 4.0, 5.0, 6.0)
    ring.close()

    again = Ring(path, 3)

    assert again.mark == RingMark(rows=2, calls=7, failures=1, dropped=4)
    assert again.opened_unix_s > 1.7e9
    again.close()


def test_a_closed_ring_has_no_room_for_calls(path: Path) -> None:
    ring = Ring(path, 3)
    ring.lay_out_calls(0)
    ring.close()

    assert ring.append_call(np.zeros((1, 0), np.float32), 1.0, 2.0, 3.0) == 0


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    """Threads take turns after nearly every step."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual_s)


@pytest.mark.usefixtures("_hasty_threads")
def test_threads_that_append_at_once_lose_no_row_and_mix_none(path: Path) -> None:
    ring = Ring(path, 4)
    ring.lay_out_calls(1)
    begin = threading.Barrier(4)

    def call(thread: int) -> None:
        front = np.full((1, 1), thread, np.float32)
        begin.wait()
        for number in range(1500):
            if thread == 3:
                ring.append_row(row_of(thread, thread, number, -number))
            else:
                ring.append_call(front, thread, number, -number)

    def append_under_the_lock(thread: int) -> None:
        begin.wait()
        for number in range(300):
            with ring.lock:
                ring.exclude_others()
                row = np.array([[thread, thread, number, -number]] * 2, np.float32)
                ring.append([row], 2, 10.0, calls=1)
                ring.count(failures=1)

    threads = [threading.Thread(target=call, args=(number,)) for number in (1, 2, 3)]
    threads.append(threading.Thread(target=append_under_the_lock, args=(4,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ring.mark == RingMark(rows=5100, calls=4800, failures=300)
    rows = [row for block in ring.read(0, 5100) for row in block.tolist()]
    numbers: dict[float, list[float]] = {1.0: [], 2.0: [], 3.0: [], 4.0: []}
    for front, first, second, third in rows:
        assert (front, third) == (first, -second)
        numbers[front].append(second)
    for thread_number in (1.0, 2.0, 3.0):
        assert numbers[thread_number] == [float(number) for number in range(1500)]
    assert numbers[4.0] == [float(number // 2) for number in range(600)]
    ring.close()


@pytest.mark.usefixtures("_hasty_threads")
def test_a_ring_may_be_closed_while_a_thread_appends(path: Path) -> None:
    ring = Ring(path, 4)
    ring.lay_out_calls(1)
    rooms: list[int] = []

    def call() -> None:
        front = np.ones((1, 1), np.float32)
        while not rooms or rooms[-1] > 0:
            rooms.append(ring.append_call(front, 1.0, 2.0, 3.0))

    thread = threading.Thread(target=call)
    thread.start()
    while len(rooms) < 100:
        time.sleep(0)
    with ring.lock:
        ring.close()
    thread.join()

    again = Ring(path, 4)
    assert again.mark.rows == len(rooms) - 1
    again.close()


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


def test_everything_is_there_after_the_ring_is_opened_again(path: Path) -> None:
    ring = Ring(path, 3)
    ring.append([numbered(0, 5)], 5, 10.0, calls=2)
    ring.count(failures=1, dropped=4)
    ring.release(2, 9.0)
    name = ring.ring_id
    ring.close()

    again = Ring(path, 3)

    assert (again.ring_id, again.mark) == (name, RingMark(5, 2, 1, 4))
    assert (again.released, again.free, again.opened_unix_s) == (2, 16381, 9.0)
    assert numbers_in(again, 2, 5) == [2.0, 3.0, 4.0]
    assert Ring.id_at(path) == name
    again.close()


def test_the_oldest_row_says_since_when_rows_wait(ring: Ring) -> None:
    ring.append([numbered(0, 1)], 1, 10.0)
    ring.append([numbered(1, 1)], 1, 20.0)
    assert ring.opened_unix_s == 10.0

    ring.release(2, 25.0)
    ring.append([numbered(2, 1)], 1, 30.0)

    assert ring.opened_unix_s == 30.0


@pytest.mark.parametrize("width", [2, 4, 2000])
def test_a_file_of_another_width_is_made_anew_under_another_identifier(
    path: Path, width: int
) -> None:
    ring = Ring(path, 3)
    ring.append([numbered(0, 5)], 5, 10.0)
    name = ring.ring_id
    ring.close()

    other = Ring(path, width)

    assert (other.mark, other.free) == (RingMark(), other.rows)
    assert other.ring_id != name
    other.close()


def test_a_ring_of_another_owner_is_made_anew(path: Path) -> None:
    ring = Ring(path, 3, owner=1)
    ring.append([numbered(0, 5)], 5, 10.0)
    name = ring.ring_id
    ring.close()

    other = Ring(path, 3, owner=2)

    assert other.mark == RingMark()
    assert other.ring_id != name
    other.close()


@pytest.mark.parametrize(
    ("place", "word"),
    [
        pytest.param(0, 12345, id="no magic number"),
        pytest.param(3, 9, id="another number of rows"),
        pytest.param(6, 6, id="more rows released than there are"),
        pytest.param(8, 2**40, id="more rows than fit"),
    ],
)
def test_a_damaged_header_makes_a_new_ring(path: Path, place: int, word: int) -> None:
    ring = Ring(path, 3)
    ring.append([numbered(0, 3)], 3, 10.0)
    ring.append([numbered(3, 2)], 2, 10.0)  # the counters are in the first of their two places
    name = ring.ring_id
    ring.close()
    with path.open("r+b") as file:
        file.seek(8 * place)
        file.write(struct.pack("=Q", word))

    mended = Ring(path, 3)

    assert (mended.mark, mended.free) == (RingMark(), 16384)
    assert mended.ring_id != name
    mended.close()


def test_a_file_that_is_cut_off_makes_a_new_ring(path: Path) -> None:
    Ring(path, 3).close()
    with path.open("r+b") as file:
        file.truncate(1000)

    ring = Ring(path, 3)

    ring.append([numbered(0, 3)], 3, 10.0)
    assert numbers_in(ring, 0, 3) == [0.0, 1.0, 2.0]
    ring.close()


def test_no_file_has_no_identifier_nor_has_one_of_something_else(path: Path) -> None:
    assert Ring.id_at(path) is None
    path.write_bytes(b"short")
    assert Ring.id_at(path) is None
    path.write_bytes(b"something else entirely")
    assert Ring.id_at(path) is None


def test_a_full_disk_refuses_the_ring_and_leaves_no_file(path: Path) -> None:
    with (
        files_of_at_most(10_000),
        pytest.raises(UnavailableError, match=r"cannot make file '.*rows\.ring' \(196736 bytes\)"),
    ):
        Ring(path, 3)
    assert not path.exists()


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"missing.*: No such file or directory"):
        Ring(tmp_path / "missing" / "rows.ring", 3)


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


APPENDER = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from edge_agent.adapters.ring import Ring

def append_for_ever():
    ring = Ring(Path(sys.argv[1]), 3)
    ring.lay_out_calls(0)
    nothing = np.zeros((1, 0), np.float32)
    number = ring.mark.rows
    os.write(ready, b"!")
    while True:
        count = number % 7 + 1
        numbers = np.arange(number, number + count, dtype=np.float32)
        ring.append([np.stack([numbers, -numbers], axis=1), numbers + 0.5], count, 1.0, calls=count)
        number += count
        for _ in range(number % 3):
            ring.append_call(nothing, number, -number, number + 0.5)
            number += 1
        ring.release(max(number - 20, 0), 1.0)
        ring.count(failures=1, dropped=1)

chance = random.Random(7)
for _ in range(int(sys.argv[2])):
    began, ready = os.pipe()
    child = os.fork()  # quicker than a process that imports numpy
    if child == 0:
        append_for_ever()
    os.read(began, 1)
    time.sleep(chance.uniform(0.0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_process_killed_at_any_moment_leaves_whole_rows_and_counters_that_agree(
    path: Path,
) -> None:
    command = [sys.executable, "-c", APPENDER, str(path), "40"]
    before = 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _line in process.stdout:
            ring = Ring(path, 3)
            mark, first = ring.mark, ring.released
            waiting = [row for block in ring.read(first, mark.rows) for row in block.tolist()]
            ring.close()

            assert mark.calls == mark.rows >= before
            assert 0 <= mark.failures == mark.dropped
            assert waiting == numbered(first, mark.rows - first).tolist()
            before = mark.rows
            process.stdin.write("next\n")
            process.stdin.flush()

    assert process.returncode == 0
    assert before > 1000
