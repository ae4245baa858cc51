"""The log of whole calls keeps what a ring keeps: rows and counts together, whatever ends when."""

import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge_agent.adapters.block_log import BlockLog, BlockMark
from edge_contract.errors import UnavailableError
from tests.support.disks import files_of_at_most

ROW_BYTES = 12
MEGABYTE = 1 << 20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.blocks"


@pytest.fixture
def log(path: Path) -> Iterator[BlockLog]:
    log = BlockLog(path, ROW_BYTES)
    yield log
    log.close()


def put(log: BlockLog, first: int, count: int, *, calls: int = 1) -> bool:
    """A call of rows that say which rows they are."""
    numbers = np.arange(first, first + count, dtype=np.int64)
    halves = numbers.astype(np.float32) / 2
    arrays = (halves, numbers)
    return log.append(arrays, count, at_unix_s=float(first), latency_us=7.0, calls=calls)


def numbers_in(log: BlockLog, first: BlockMark, last: BlockMark) -> list[int]:
    found: list[int] = []
    for record in log.read(first, last):
        halves = -(-4 * record.rows // 8) * 8
        found += np.frombuffer(record.content, np.int64, record.rows, halves).tolist()
    return found


def test_calls_come_back_as_they_were_appended(log: BlockLog) -> None:
    assert put(log, 0, 3)
    assert put(log, 3, 2)

    first, second = log.read(BlockMark(), log.mark)

    assert (first.rows, first.at_unix_s, first.latency_us) == (3, 0.0, 7.0)
    assert np.frombuffer(first.content, np.float32, 3).tolist() == [0.0, 0.5, 1.0]
    assert np.frombuffer(first.content, np.int64, 3, 16).tolist() == [0, 1, 2]
    assert np.frombuffer(second.content, np.int64, 2, 8).tolist() == [3, 4]
    assert log.mark[1:] == (5, 2)


def test_an_array_that_is_not_contiguous_is_refused_and_leaves_nothing(log: BlockLog) -> None:
    with pytest.raises(ValueError, match="contiguous"):
        log.append([np.zeros((4, 4)).T[1:]], 4, at_unix_s=0.0, latency_us=0.0)

    assert log.mark == BlockMark()


def test_a_log_that_is_full_refuses_until_something_is_released(log: BlockLog) -> None:
    made = 0
    marks = []
    while put(log, made, 50_000):
        made += 50_000
        marks.append(log.mark)

    assert made == 300_000  # 600 kB each
    assert log.is_half_full
    assert not log.has_room(600_000)
    log.release(marks[1])
    assert log.has_room(600_000)
    assert put(log, made, 50_000)
    assert numbers_in(log, marks[1], log.mark) == list(range(100_000, 350_000))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sizes=st.lists(st.integers(1, 120_000), min_size=5, max_size=40))
def test_calls_of_any_size_go_round_and_round(tmp_path: Path, sizes: list[int]) -> None:
    path = tmp_path / "round.blocks"
    path.unlink(missing_ok=True)
    log = BlockLog(path, ROW_BYTES)
    first, taken = 0, BlockMark()

    for size in sizes:
        if not put(log, first, size):
            assert numbers_in(log, taken, log.mark) == list(range(taken.rows, first))
            taken = log.mark
            log.release(taken)
            assert put(log, first, size)
        first += size

    assert numbers_in(log, taken, log.mark) == list(range(taken.rows, first))
    assert log.mark[1:] == (sum(sizes), len(sizes))
    log.close()


def test_a_call_larger_than_the_log_makes_it_grow_while_nothing_waits(log: BlockLog) -> None:
    assert put(log, 0, 10)
    assert not log.has_room(6 * MEGABYTE)
    assert not put(log, 10, 500_000)
    before = log.mark
    log.release(before)

    assert log.has_room(6 * MEGABYTE)
    assert put(log, 10, 500_000)

    assert log.path.stat().st_size == 128 + 8 * MEGABYTE
    assert numbers_in(log, before, log.mark) == list(range(10, 500_010))
    log.release(log.mark)
    log.shrink()
    assert log.path.stat().st_size == 128 + 4 * MEGABYTE
    assert put(log, 1, 1)


def test_nothing_is_larger_than_the_largest(log: BlockLog) -> None:
    assert log.largest_bytes == 32 * MEGABYTE
    assert not log.has_room(32 * MEGABYTE)
    assert not put(log, 0, 3_000_000)
    assert log.path.stat().st_size == 128 + 4 * MEGABYTE


def test_a_log_that_cannot_grow_stays_as_it_is(log: BlockLog) -> None:
    with files_of_at_most(6 * MEGABYTE):
        assert not put(log, 0, 500_000)

    assert log.largest_bytes == 4 * MEGABYTE
    assert put(log, 0, 100_000)
    assert [path.name for path in log.path.parent.iterdir()] == [log.path.name]


def test_a_log_that_is_opened_again_holds_what_it_held(path: Path) -> None:
    log = BlockLog(path, ROW_BYTES, owner=5)
    put(log, 0, 4)
    taken = log.mark
    log.release(taken)
    put(log, 4, 600_000)
    log.close()

    again = BlockLog(path, ROW_BYTES, owner=5)

    assert again.take_back(taken)
    assert numbers_in(again, taken, again.mark) == list(range(4, 600_004))
    assert again.ring_id == BlockLog.id_at(path)
    again.close()


@pytest.mark.parametrize(("row_bytes", "owner"), [(16, 5), (ROW_BYTES, 6)])
def test_a_log_of_other_rows_or_another_owner_begins_anew(
    path: Path, row_bytes: int, owner: int
) -> None:
    log = BlockLog(path, ROW_BYTES, owner=5)
    put(log, 0, 4)
    before = log.ring_id
    log.close()

    other = BlockLog(path, row_bytes, owner=owner)

    assert other.mark == BlockMark()
    assert other.ring_id != before
    other.close()


def test_a_file_that_is_no_log_is_made_anew(path: Path) -> None:
    path.write_bytes(b"x" * 5000)
    log = BlockLog(path, ROW_BYTES)
    assert log.mark == BlockMark()
    assert BlockLog.id_at(path.with_name("missing")) is None
    log.close()


def test_what_was_given_free_counts_again_while_it_is_all_there(path: Path) -> None:
    log = BlockLog(path, ROW_BYTES)
    put(log, 0, 100_000)
    taken = log.mark
    put(log, 100_000, 100_000)
    log.release(log.mark)

    assert log.take_back(taken)
    assert numbers_in(log, taken, log.mark) == list(range(100_000, 200_000))
    assert log.rows_lost(taken) == 0
    log.close()


def test_what_was_overwritten_is_told_as_lost(path: Path) -> None:
    log = BlockLog(path, ROW_BYTES)
    for call in range(9):
        put(log, call * 100_000, 100_000)
        log.release(log.mark)

    assert not log.take_back(BlockMark(0, 100_000, 1))
    assert log.rows_lost(BlockMark(0, 100_000, 1)) == 800_000
    assert numbers_in(log, BlockMark(), log.mark) == []
    log.close()


def test_without_room_for_a_log_the_error_says_where(path: Path) -> None:
    with files_of_at_most(MEGABYTE), pytest.raises(UnavailableError, match=r"calls\.blocks"):
        BlockLog(path, ROW_BYTES)
    assert not path.exists()


_WRITER = """
import sys
from pathlib import Path
import numpy as np
from edge_agent.adapters.block_log import BlockLog
log, first = BlockLog(Path(sys.argv[1]), 12), 0
print("ready", flush=True)
while True:
    count = 1 + first % 977
    numbers = np.arange(first, first + count, dtype=np.int64)
    arrays = numbers.astype(np.float32) / 2, numbers
    if not log.append(arrays, count, at_unix_s=1.0, latency_us=2.0):
        log.release(log.mark)
        continue
    first += count
"""


def test_a_process_killed_while_it_writes_leaves_whole_calls(path: Path) -> None:
    for wait in range(5):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, env=dict(os.environ)
        )
        assert writer.stdout is not None
        writer.stdout.readline()
        for _ in range(1 + 4000 * wait):
            math.sqrt(wait)
        writer.kill()
        writer.wait()
        writer.stdout.close()

        log = BlockLog(path, ROW_BYTES)
        held = numbers_in(log, BlockMark(), log.mark)
        assert held == list(range(log.mark.rows - len(held), log.mark.rows))
        log.close()
