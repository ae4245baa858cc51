import threading
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.core.increments import Commit, Life, Tally
from cloud_sync.core.records import AuditRecord
from cloud_sync.core.seen import Marks
from cloud_sync.ports import Totals
from cloud_sync.stores import open_store
from edge_contract.errors import UnavailableError, UsageError
from tests.support.postgres import PostgresServer

ONE = Commit(tally=Tally(batches=1))


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_warehouse()


@pytest.fixture
def warehouse(url: str) -> Iterator[PostgresWarehouse]:
    with closing(PostgresWarehouse(url)) as store:
        yield store


def marks_of(lives: int, floor: int) -> dict[Life, Marks]:
    return {Life(f"cam-{number:03}", 1): Marks(floor) for number in range(lives)}


def test_the_tables_are_made_once_by_whoever_comes_first(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    failures: list[Exception] = []

    def open_it() -> None:
        try:
            PostgresWarehouse(url).close()
        except Exception as error:  # noqa: BLE001  it is what the test looks for
            failures.append(error)

    starting = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()

    assert failures == []
    with closing(PostgresWarehouse(url)) as store:
        assert store.totals() == Totals()


def test_many_marks_replace_those_that_are_there(warehouse: PostgresWarehouse) -> None:
    warehouse.commit(Commit(marks=marks_of(100, floor=1)))
    warehouse.commit(Commit(marks=marks_of(150, floor=7)))

    assert warehouse.marks(Life("cam-099", 1)) == Marks(7)
    assert warehouse.marks(Life("cam-149", 1)) == Marks(7)


def test_collectors_that_write_the_same_rows_wait_for_each_other(url: str) -> None:
    failures: list[Exception] = []

    def write() -> None:
        try:
            with closing(PostgresWarehouse(url)) as store:
                for _ in range(5):
                    store.commit(Commit(tally=Tally(batches=1), marks=marks_of(60, floor=1)))
        except Exception as error:  # noqa: BLE001  it is what the test looks for
            failures.append(error)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert failures == []
    with closing(PostgresWarehouse(url)) as store:
        assert store.totals().tally.batches == 20


def test_connections_that_the_server_ended_are_made_anew(
    warehouse: PostgresWarehouse, url: str
) -> None:
    warehouse.commit(ONE)
    with psycopg.connect(url, autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'edgefleet' AND datname = current_database()"
        )

    warehouse.commit(ONE)

    assert warehouse.totals().tally.batches == 2


def test_a_transaction_that_fails_half_way_leaves_nothing_behind(
    warehouse: PostgresWarehouse,
) -> None:
    with pytest.raises(psycopg.DataError):
        warehouse.commit(Commit(tally=Tally(batches=1), refused={"busy": 2**63}))

    assert warehouse.totals() == Totals()
    warehouse.commit(ONE)
    assert warehouse.totals() == Totals(Tally(batches=1))


def test_a_second_cloud_on_the_same_database_is_refused_until_the_first_one_ends(
    warehouse: PostgresWarehouse, url: str
) -> None:
    warehouse.lead()
    with closing(PostgresWarehouse(url)) as second:
        with pytest.raises(UsageError, match=r"another cloud leads .* 'edgefleet cloud collect'"):
            second.lead()
        warehouse.close()
        second.lead()


def test_a_database_of_a_newer_edgefleet_is_refused(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("UPDATE schema_version SET version_num = '0099'")

    with pytest.raises(UsageError, match=r"has schema 0099, .* upgrade edgefleet"):
        PostgresWarehouse(url)


def test_a_database_that_is_not_there_is_the_operators_mistake(postgres: PostgresServer) -> None:
    with pytest.raises(UsageError, match=r'database "nowhere" does not exist; check user'):
        PostgresWarehouse(postgres.url("nowhere"))


def test_a_server_that_does_not_answer_is_unavailable_and_no_password_is_told() -> None:
    url = "postgresql://me:secret@127.0.0.1:1/fleet"

    with pytest.raises(UnavailableError, match=r"cannot use .*; start the server, or") as refused:
        PostgresWarehouse(url, connect_timeout_s=2.0)

    assert "postgresql://me@127.0.0.1:1/fleet" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_url_that_nobody_can_read_is_refused() -> None:
    with pytest.raises(UsageError, match=r"cannot read the store's URL: .*; write it as postgres"):
        PostgresWarehouse("postgresql://?nonsense=1")


def test_a_port_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"URL: port 'port' is no number; write it as"):
        PostgresWarehouse("postgresql://localhost:port/fleet")


def test_a_store_of_another_kind_is_refused(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(UsageError, match=r"given as postgresql://.*, got 'mysql'; leave it out"):
        open_store("mysql://localhost/fleet", tmp_path_factory.mktemp("data"))


def test_an_audit_longer_than_a_page_is_read_in_order(warehouse: PostgresWarehouse) -> None:
    for number in range(30):
        warehouse.add_audit(AuditRecord(float(number), "alice", "push", "x" * 3000))

    assert [record.at_unix_s for record in warehouse.audit(limit=3)] == [29.0, 28.0, 27.0]
