"""A device whose database is damaged goes on, with all of it that can be read."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.holder import opened_alone
from edge_contract.messages import BatchId
from tests.support.telemetry import batch_of

PAGE_BYTES = 4096


def store_with_batches(folder: Path) -> Path:
    with closing(SqliteBatchStore(folder / "agent.db")) as store:
        store.save([batch_of(seq, device="cam") for seq in range(40)], {"ring-1": (3, 0)})
        store.save_state({"slot": "A"})
    return folder / "agent.db"


def overwrite(path: Path, page: int) -> None:
    with path.open("r+b") as file:
        file.seek(page * PAGE_BYTES)
        file.write(b"\xa5" * PAGE_BYTES)


def test_what_can_be_read_of_a_damaged_store_is_sent_and_the_rest_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = store_with_batches(tmp_path)
    with closing(sqlite3.connect(path)) as db:
        (last_page,) = db.execute("PRAGMA page_count").fetchone()
    overwrite(path, last_page - 1)

    with closing(opened_alone(tmp_path)) as store:
        kept = [message.batch_id for message in store.messages("cam")]
        state = store.state()

    assert 0 < len(kept) < 40
    assert set(kept) < {BatchId("cam", 1, seq) for seq in range(40)}
    assert state == {"slot": "A"}
    assert f"{len(kept)} batches that wait for the cloud could be read" in caplog.text
    assert "their rows are lost" in caplog.text
    assert (tmp_path / "agent.db.damaged").exists()


def test_a_store_that_is_no_database_any_more_is_put_aside(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = store_with_batches(tmp_path)
    overwrite(path, 0)

    with closing(opened_alone(tmp_path)) as store:
        assert store.messages("cam") == []
        assert store.marks() == {}

    assert "is damaged (file is not a database)" in caplog.text
    assert (tmp_path / "agent.db.damaged").stat().st_size > PAGE_BYTES


def test_a_batch_with_one_wrong_byte_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = store_with_batches(tmp_path)
    with closing(sqlite3.connect(path)) as db, db:
        (payload,) = db.execute("SELECT payload FROM batch WHERE seq = 7").fetchone()
        wrong = payload[:-3] + bytes([payload[-3] ^ 1]) + payload[-2:]
        db.execute("UPDATE batch SET payload = ? WHERE seq = 7", (wrong,))

    with closing(opened_alone(tmp_path)) as store:
        kept = [message.batch_id.seq for message in store.messages("cam")]

    assert kept == [seq for seq in range(40) if seq != 7]
    assert "39 batches that wait for the cloud could be read, and others could not" in caplog.text


def test_a_store_that_is_whole_stays_what_it_is(tmp_path: Path) -> None:
    store_with_batches(tmp_path)

    with closing(opened_alone(tmp_path)) as store:
        assert len(store.messages("cam")) == 40
        assert store.marks() == {"ring-1": (3, 0)}

    assert not (tmp_path / "agent.db.damaged").exists()
