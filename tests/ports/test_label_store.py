"""Every label store keeps the promises of ``edge_agent.ports.LabelStore``."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent.adapters.memory_labels import MemoryLabels
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.ports import LabelStore
from edge_contract.errors import UnavailableError
from tests.support.agent_batches import batch
from tests.support.disks import files_of_at_most

DAY_S = 86_400.0
NOW_UNIX_S = 20_000 * DAY_S
LARGEST, SMALLEST = 2**63 - 1, -(2**63)

Open = Callable[[], LabelStore]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LabelStore]:
    if request.param == "memory":
        yield MemoryLabels(labelled_rows=5, labelled_days=30)
    else:
        with opened(tmp_path) as sqlite_store:
            yield sqlite_store


@contextmanager
def opened(folder: Path, *, labelled_rows: int = 5) -> Iterator[SqliteBatchStore]:
    path = folder / "agent.db"
    with closing(SqliteBatchStore(path, labelled_rows=labelled_rows, labelled_days=30)) as store:
        yield store


def test_a_row_is_new_once(store: LabelStore) -> None:
    assert store.note_labelled([7, LARGEST, SMALLEST, 7], NOW_UNIX_S) == [True, True, True, False]
    assert store.note_labelled([SMALLEST, 8, 7], NOW_UNIX_S + 60.0) == [False, True, False]
    assert store.note_labelled([], NOW_UNIX_S) == []


def test_of_so_many_rows_the_latest_are_remembered(store: LabelStore) -> None:
    for key in range(8):
        store.note_labelled([key], NOW_UNIX_S)

    assert store.note_labelled([3, 4, 5, 6, 7], NOW_UNIX_S) == [False] * 5
    assert store.note_labelled([2], NOW_UNIX_S) == [True]


def test_more_rows_than_can_be_remembered_are_new_all_the_same(store: LabelStore) -> None:
    assert store.note_labelled(range(50), NOW_UNIX_S) == [True] * 50
    assert store.note_labelled(range(45, 50), NOW_UNIX_S) == [False] * 5


def test_a_row_is_forgotten_after_so_many_days(store: LabelStore) -> None:
    store.note_labelled([1], NOW_UNIX_S)
    store.note_labelled([2], NOW_UNIX_S + 20 * DAY_S)

    assert store.note_labelled([1], NOW_UNIX_S + 30 * DAY_S) == [False]
    assert store.note_labelled([1, 2], NOW_UNIX_S + 31 * DAY_S) == [True, False]


def test_threads_may_note_at_the_same_time(store: LabelStore) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: store.note_labelled([1, 2, 3], NOW_UNIX_S), range(40)))

    assert sum(map(sum, found)) == 3


def test_what_was_noted_survives_kill_minus_nine(tmp_path: Path) -> None:
    code = f"""
import os, pathlib
from edge_agent.adapters.sqlite_store import SqliteBatchStore
store = SqliteBatchStore(pathlib.Path({str(tmp_path)!r}) / "agent.db")
store.note_labelled([1, 2], {NOW_UNIX_S})
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)

    with opened(tmp_path) as store:
        assert store.note_labelled([1, 2, 3], NOW_UNIX_S) == [False, False, True]


def test_batches_are_still_synced_after_labels(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.note_labelled([1], NOW_UNIX_S)
        store.save([batch(0)], {})

        assert store._db.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_hundred_thousand_rows_take_a_few_megabytes(tmp_path: Path) -> None:
    with opened(tmp_path, labelled_rows=100_000) as store:
        for first in range(0, 150_000, 10_000):
            keys = [key * 2654435761 % 2**62 for key in range(first, first + 10_000)]
            store.note_labelled(keys, NOW_UNIX_S)

    assert (tmp_path / "agent.db").stat().st_size < 6_000_000


def test_a_label_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    with opened(tmp_path, labelled_rows=100_000) as store:
        began_s = time.perf_counter()
        for key in range(300):
            store.note_labelled([key], NOW_UNIX_S)
        noted_s = time.perf_counter() - began_s

    assert noted_s < 1.0  # an fsync each would take many milliseconds on most disks


def test_a_full_disk_notes_nothing_and_room_makes_it_work_again(tmp_path: Path) -> None:
    with opened(tmp_path, labelled_rows=100_000) as store:
        store.note_labelled([1], NOW_UNIX_S)
        in_use_bytes = max(path.stat().st_size for path in tmp_path.iterdir())

        with (
            files_of_at_most(in_use_bytes),
            pytest.raises(UnavailableError, match="cannot save to batch store"),
        ):
            store.note_labelled(range(2, 50_000), NOW_UNIX_S)

        assert store.note_labelled([1, 2], NOW_UNIX_S) == [False, True]
