"""Every batch store keeps the promises of ``edge_agent.ports.BatchStore``."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.core.kept_batches import StoredBatch
from edge_agent.ports import BatchStore
from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edge_contract.messages import BatchId, encode
from tests.support.agent_batches import batch, bulky_batch
from tests.support.disks import files_of_at_most


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "agent.db"


@pytest.fixture
def store(path: Path) -> Iterator[BatchStore]:
    with closing(SqliteBatchStore(path)) as store:
        yield store


def test_a_new_store_is_empty(store: BatchStore) -> None:
    assert store.batches() == []
    assert store.marks() == {}
    assert store.state() is None
    assert store.batches_saved() == 0


def test_batches_come_back_oldest_first_whatever_the_order_of_saving(store: BatchStore) -> None:
    store.save([batch(10, 1.0), batch(0, 2.0, boot=2)], {})
    store.save([batch(9, 3.0)], {})
    assert store.batches() == [batch(9, 3.0), batch(10, 1.0), batch(0, 2.0, boot=2)]


def test_messages_are_the_batches_as_they_are_sent(store: BatchStore) -> None:
    store.save([batch(1, 3.0), batch(0, 1.0)], {})
    assert store.messages("d1") == [
        StoredBatch(BatchId("d1", batch(0).batch_id.boot, 0), encode(batch(0, 1.0))),
        StoredBatch(BatchId("d1", batch(1).batch_id.boot, 1), encode(batch(1, 3.0))),
    ]


def test_saving_twice_keeps_one_and_the_later_one(store: BatchStore) -> None:
    store.save([batch(0, 1.0)], {})
    store.save([batch(0, 1.0), batch(1)], {})
    store.save([replace(batch(1), lost_rows=7)], {})

    assert store.batches() == [batch(0, 1.0), replace(batch(1), lost_rows=7)]
    assert store.batches_saved() == 2


def test_marks_are_kept_by_ring_the_latest_ones(store: BatchStore) -> None:
    store.save([batch(0)], {"a": (1, 1, 0, 0), "b": (2, 1, 0, 0)})
    store.save([], {"a": (5, 3, 1, 0)})
    assert store.marks() == {"a": (5, 3, 1, 0), "b": (2, 1, 0, 0)}

    store.forget_marks(["b", "unknown"])
    assert store.marks() == {"a": (5, 3, 1, 0)}


def test_batches_that_others_replace_are_forgotten_with_the_same_step(store: BatchStore) -> None:
    store.save([batch(0, 1.0), batch(1, 2.0), batch(2, 3.0)], {})

    joined = replace(batch(1, 1.0, 2.0), span=2)
    store.save([joined], {}, replaces=[batch(0).batch_id, batch(1).batch_id])

    assert store.batches() == [joined, batch(2, 3.0)]
    assert store.batches_saved() == 2


def test_deleted_batches_are_gone_and_a_missing_one_is_no_error(store: BatchStore) -> None:
    store.save([batch(0), batch(1)], {})
    store.delete([batch(0).batch_id, BatchId("cam-7", 9, 9)])
    store.delete([])
    assert store.batches() == [batch(1)]
    assert store.batches_saved() == 2


def test_the_journal_comes_back_as_it_was(store: BatchStore) -> None:
    store.save_state({"slots": [["active", "1.0.0", True]], "wanted": None, "trial": [0, 0.5]})
    store.save_state({"slots": [["bad", "1.0.0", True]], "wanted": None, "trial": [0, 0.5]})
    assert store.state() == {
        "slots": [["bad", "1.0.0", True]],
        "wanted": None,
        "trial": [0, 0.5],
    }


def test_every_life_has_a_greater_number_whatever_the_clock_says(store: BatchStore) -> None:
    lives = [store.next_boot(at_unix_s) for at_unix_s in (1.8e9, 1.8e9 + 1, 0.0, 1.8e9)]
    assert lives == sorted(set(lives))
    assert all(0 <= life < 2**53 for life in lives)


def test_everything_is_there_after_it_was_opened_again(path: Path) -> None:
    with closing(SqliteBatchStore(path)) as store:
        name, life = store.identity(), store.next_boot(1.8e9)
        store.save([batch(0, 1.0)], {"a": (1, 1, 0, 0)})
        store.save_state({"generation": 4})

    with closing(SqliteBatchStore(path)) as again:
        assert again.identity() == name
        assert again.batches() == [batch(0, 1.0)]
        assert again.marks() == {"a": (1, 1, 0, 0)}
        assert again.state() == {"generation": 4}
        assert again.batches_saved() == 1
        assert again.next_boot(1.7e9) > life


def test_a_store_made_anew_in_the_same_place_is_another_one(path: Path) -> None:
    with closing(SqliteBatchStore(path)) as store:
        name, life = store.identity(), store.next_boot(1.8e9)
    for file in path.parent.iterdir():
        file.unlink()

    with closing(SqliteBatchStore(path)) as other:
        assert 0 <= other.identity() < 2**64
        assert other.identity() != name
        assert other.next_boot(1.8e9 + 1) > life


SAVER = """
import os, signal, sys
from pathlib import Path
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from tests.support.agent_batches import batch

store = SqliteBatchStore(Path(sys.argv[1]))
store.save([batch(0, 1.0)], {"a": (1, 1, 0, 0)})
store.save_state({"generation": 4})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_saved_survives_kill_minus_nine_which_also_ends_the_lock(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", SAVER, str(path)], check=False)
    assert killed.returncode == -9

    with closing(SqliteBatchStore(path, wait_s=0.0)) as store:
        assert store.batches() == [batch(0, 1.0)]
        assert store.marks() == {"a": (1, 1, 0, 0)}
        assert store.state() == {"generation": 4}


OPENER = """
import sys
from pathlib import Path
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_contract.errors import UsageError

try:
    SqliteBatchStore(Path(sys.argv[1]), wait_s=0.0)
except UsageError as error:
    print(error)
"""


def test_another_process_is_told_that_the_folder_is_in_use(path: Path, store: BatchStore) -> None:
    store.save([batch(0)], {})

    second = subprocess.run(
        [sys.executable, "-c", OPENER, str(path)], check=True, capture_output=True, text=True
    )

    assert second.stdout == (
        f"cannot open batch store {str(path)!r}: another agent runs in folder "
        f"{str(path.parent)!r}; stop it, or give this one a state folder of its own\n"
    )


@pytest.mark.usefixtures("store")
def test_another_agent_in_the_same_process_is_refused_too(path: Path) -> None:
    with pytest.raises(UsageError, match="another agent runs in folder"):
        SqliteBatchStore(path, wait_s=0.0)


def test_one_that_is_about_to_leave_is_waited_for(path: Path, store: BatchStore) -> None:
    leaving = threading.Timer(0.1, store.close)
    leaving.start()
    SqliteBatchStore(path, wait_s=5.0).close()
    leaving.join()


def test_threads_may_use_it_at_the_same_time(store: BatchStore) -> None:
    def use(worker: int) -> None:
        for number in range(20):
            store.save([batch(number, boot=worker)], {str(worker): (number, 0, 0, 0)})
            store.batches_saved()
            store.marks()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(use, range(4)))

    assert store.batches_saved() == len(store.batches()) == 80


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        UnavailableError,
        match=r"cannot open batch store '.*missing.*agent\.db': unable to open database file; "
        "check that its disk has room and can be written",
    ):
        SqliteBatchStore(tmp_path / "missing" / "agent.db")


def test_a_full_disk_changes_nothing_and_room_makes_it_work_again(
    path: Path, store: BatchStore
) -> None:
    store.save([batch(0, 1.0)], {"a": (1, 1, 0, 0)})
    in_use_bytes = max(file.stat().st_size for file in path.parent.iterdir())
    attempts: list[Callable[[], object]] = [
        lambda: store.save([bulky_batch(1)], {"a": (9, 9, 0, 0)}, replaces=[batch(0).batch_id]),
        lambda: store.save_state({"much": "x" * 100_000}),
        lambda: store.next_boot(1.8e9),
        lambda: store.delete([batch(0).batch_id]),
        lambda: store.forget_marks(["a"]),
    ]

    with files_of_at_most(in_use_bytes):
        for attempt in attempts:
            with pytest.raises(UnavailableError, match=r"agent\.db': .*; check that its disk has"):
                attempt()

    assert store.batches() == [batch(0, 1.0)]
    assert store.marks() == {"a": (1, 1, 0, 0)}
    assert store.state() is None
    store.save([bulky_batch(1)], {"a": (9, 9, 0, 0)})
    assert store.batches_saved() == 2


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("INSERT INTO batch VALUES (1, 0, X'00')", SqliteBatchStore.batches),
        ("INSERT INTO batch VALUES (1, 0, X'00')", lambda store: store.messages("cam-7")),
        ("INSERT INTO batch VALUES (1, 0, X'01789c4b')", lambda store: store.messages("cam-7")),
        ("INSERT INTO mark VALUES ('a', '[1, 2')", SqliteBatchStore.marks),
        ("INSERT INTO journal VALUES ('state', 'no JSON')", SqliteBatchStore.state),
    ],
)
def test_damaged_content_is_told_with_the_file_and_what_to_do(
    path: Path, statement: str, read: Callable[[SqliteBatchStore], object]
) -> None:
    SqliteBatchStore(path).close()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)

    with (
        closing(SqliteBatchStore(path)) as store,
        pytest.raises(EdgeError, match=r"agent\.db': it is damaged .*; move it away to start anew"),
    ):
        read(store)


def test_a_file_of_something_else_is_told(path: Path) -> None:
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(UnavailableError, match=r"agent\.db' is damaged \(file is not a database\)"):
        SqliteBatchStore(path)
