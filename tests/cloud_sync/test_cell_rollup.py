"""Cells are merged upwards: what a parent has is what they have, whatever happened on the way."""

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cloud_sync.adapters.sql.warehouse import SqlWarehouse
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.cell_rollup import CellRollUp, RolledUp
from cloud_sync.core.increments import (
    Commit,
    DeviceIncrement,
    DeviceWindow,
    FleetWindow,
    Increment,
    PackageRole,
)
from cloud_sync.ports.cells import CellState, CellWindow, WindowPlace
from edge_contract.errors import PeerError, UnavailableError, UsageError
from edge_contract.messages import Counters
from edge_contract.package import Role
from tests.support.postgres import PostgresServer
from tests.support.telemetry import DIGITS_ROLE, counting_package, facts_of, profile_of

SPEC = facts_of(counting_package()).specs[Role.PRIMARY]
MINUTE = 1_767_225_600


@dataclass
class StoreCell:
    """A cell whose store is at hand; ``on_read`` is called before windows are handed out."""

    store: SqlWarehouse
    url: str = "http://cell.example"
    on_read: Callable[[], None] = lambda: None
    asked: list[int] = field(default_factory=list)

    def identity(self) -> str:
        return self.store.identity()

    def states(self) -> Mapping[PackageRole, str]:
        return self.store.cell_states()

    def state(self, subject: PackageRole) -> CellState:
        return self.store.cell_state(subject)

    def windows(
        self, subject: PackageRole, places: Collection[WindowPlace]
    ) -> Sequence[CellWindow]:
        self.asked.append(len(places))
        self.on_read()
        return self.store.cell_windows(subject, SPEC, places)


@pytest.fixture(params=["sqlite", "postgres"])
def parent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqlWarehouse]:
    if request.param == "sqlite":
        store: SqlWarehouse = SqliteWarehouse(tmp_path / "parent")
    else:
        from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse

        server: PostgresServer = request.getfixturevalue("postgres")
        store = PostgresWarehouse(server.new_warehouse())
    with closing(store):
        yield store


@pytest.fixture
def oslo(tmp_path: Path) -> Iterator[SqlWarehouse]:
    with closing(SqliteWarehouse(tmp_path / "oslo")) as store:
        yield store


@pytest.fixture
def lund(tmp_path: Path) -> Iterator[SqlWarehouse]:
    with closing(SqliteWarehouse(tmp_path / "lund")) as store:
        yield store


def count(store: SqlWarehouse, minute: int, *, rows: int, device: str = "cam") -> None:
    """A device of a cell counts rows in a minute."""
    profile = profile_of([(2.0, 1.0)] * rows)
    counters = Counters(rows=rows, calls=rows)
    start = MINUTE + 60 * minute
    store.commit(
        Commit(
            windows={FleetWindow(DIGITS_ROLE, start): Increment(counters, profile)},
            device_windows={
                DeviceWindow(device, DIGITS_ROLE, start): DeviceIncrement(counters, SPEC, ())
            },
        )
    )


def merge(parent: SqlWarehouse, name: str, cell: SqlWarehouse | StoreCell) -> RolledUp:
    source = cell if isinstance(cell, StoreCell) else StoreCell(cell)
    return CellRollUp(parent, lambda _: SPEC, lambda: 7.0).roll_up(name, source)


def rows_in(store: SqlWarehouse) -> tuple[int, int]:
    """Rows of all windows, and rows ever counted."""
    totals = store.totals().by_role.get(Role.PRIMARY, Counters())
    return store.cohort(DIGITS_ROLE, SPEC).counters.rows, totals.rows


def test_windows_of_two_cells_add_up(
    parent: SqlWarehouse, oslo: SqlWarehouse, lund: SqlWarehouse
) -> None:
    count(oslo, 0, rows=5)
    count(oslo, 1, rows=3, device="cam-2")
    count(lund, 0, rows=7)

    told = [merge(parent, "oslo", oslo), merge(parent, "lund", lund)]

    assert [one.changed for one in told] == [2, 1]
    assert rows_in(parent) == (15, 15)
    both = parent.cohort(DIGITS_ROLE, SPEC)
    assert both.profile.to_state() == profile_of([(2.0, 1.0)] * 15).to_state()
    assert both.devices == 3
    assert [(cell.name, cell.rows) for cell in parent.cells()] == [("lund", 7), ("oslo", 8)]


def test_a_second_pass_asks_for_nothing_and_changes_nothing(
    parent: SqlWarehouse, oslo: SqlWarehouse
) -> None:
    count(oslo, 0, rows=5)
    merge(parent, "oslo", oslo)
    cell = StoreCell(oslo)

    told = merge(parent, "oslo", cell)

    assert (told.changed, told.withdrawn, cell.asked) == (0, 0, [])
    assert rows_in(parent) == (5, 5)


def test_a_late_window_corrects_what_was_merged(parent: SqlWarehouse, oslo: SqlWarehouse) -> None:
    for minute in range(3):
        count(oslo, minute, rows=5)
    merge(parent, "oslo", oslo)
    count(oslo, 1, rows=4)

    told = merge(parent, "oslo", oslo)

    assert told.changed == 1
    assert rows_in(parent) == (19, 19)


def test_a_pass_that_breaks_off_is_finished_by_the_next(
    parent: SqlWarehouse, oslo: SqlWarehouse
) -> None:
    for minute in range(250):
        count(oslo, minute, rows=1)
    cell = StoreCell(oslo)

    def fail_later() -> None:
        if len(cell.asked) == 2:
            raise UnavailableError("the cell is out of reach")

    cell.on_read = fail_later
    with pytest.raises(UnavailableError, match="out of reach"):
        merge(parent, "oslo", cell)
    assert rows_in(parent) == (0, 0)

    assert merge(parent, "oslo", oslo).changed == 250
    assert rows_in(parent) == (250, 250)


def test_of_two_passes_at_once_the_slower_never_writes_what_is_older(
    parent: SqlWarehouse, oslo: SqlWarehouse
) -> None:
    count(oslo, 0, rows=5)
    cell = StoreCell(oslo)

    def other_pass() -> None:
        cell.on_read = lambda: None
        count(oslo, 0, rows=2)
        count(oslo, 1, rows=1)
        merge(parent, "oslo", oslo)

    cell.on_read = other_pass
    merge(parent, "oslo", cell)

    assert rows_in(parent) == (8, 8) == rows_in(oslo)


def test_windows_that_the_cell_makes_coarser_stay_counted_once(
    parent: SqlWarehouse, oslo: SqlWarehouse
) -> None:
    for minute in range(60):
        count(oslo, minute, rows=1)
    merge(parent, "oslo", oslo)
    hour = MINUTE // 3600 * 3600 + 7200
    assert oslo.roll_up(lambda _: SPEC, before_unix_s=hour, span_s=3600) > 0

    told = merge(parent, "oslo", oslo)

    assert told.withdrawn == 60
    assert rows_in(parent) == (60, 60)


def test_the_parent_leaves_windows_of_cells_as_fine_as_they_are(
    parent: SqlWarehouse, oslo: SqlWarehouse
) -> None:
    for minute in range(60):
        count(oslo, minute, rows=1)
    merge(parent, "oslo", oslo)

    parent.roll_up(lambda _: SPEC, before_unix_s=MINUTE + 86_400, span_s=3600)
    merge(parent, "oslo", oslo)

    assert rows_in(parent) == (60, 60)


def test_a_cell_that_went_back_to_a_backup_takes_back_what_it_lost(
    parent: SqlWarehouse, oslo: SqlWarehouse, tmp_path: Path
) -> None:
    count(oslo, 0, rows=5)
    identity = oslo.identity()
    with closing(sqlite3.connect(tmp_path / "oslo" / "warehouse.sqlite3")) as db:
        db.execute("VACUUM INTO ?", (str(tmp_path / "backup.sqlite3"),))
    count(oslo, 0, rows=4)
    count(oslo, 1, rows=6)
    merge(parent, "oslo", oslo)
    assert rows_in(parent) == (15, 15)
    oslo.close()
    folder = tmp_path / "again"
    folder.mkdir()
    (tmp_path / "backup.sqlite3").rename(folder / "warehouse.sqlite3")

    with closing(SqliteWarehouse(folder)) as restored:
        count(restored, 0, rows=1)
        told = merge(parent, "oslo", restored)

        assert restored.identity() == identity
        assert rows_in(parent) == (6, 6) == rows_in(restored)
        assert told.withdrawn == 1


def test_the_same_store_is_never_counted_twice(parent: SqlWarehouse, oslo: SqlWarehouse) -> None:
    count(oslo, 0, rows=5)
    merge(parent, "oslo", oslo)

    with pytest.raises(UsageError, match="is the same store as cell 'oslo', or a copy of it"):
        merge(parent, "lund", oslo)
    with pytest.raises(UsageError, match="is the parent's own store"):
        merge(parent, "self", parent)
    assert rows_in(parent) == (5, 5)


def test_another_store_under_the_name_of_an_earlier_is_refused_until_that_is_forgotten(
    parent: SqlWarehouse, oslo: SqlWarehouse, lund: SqlWarehouse
) -> None:
    count(oslo, 0, rows=5)
    count(lund, 0, rows=7)
    merge(parent, "oslo", oslo)

    with pytest.raises(UsageError, match="'oslo' was another store before"):
        merge(parent, "oslo", lund)
    assert rows_in(parent) == (5, 5)

    assert parent.forget_cell(oslo.identity()) == 1
    merge(parent, "oslo", lund)
    assert rows_in(parent) == (7, 7)


def test_a_window_that_cannot_be_read_is_refused_and_nothing_is_written(
    parent: SqlWarehouse, oslo: SqlWarehouse
) -> None:
    count(oslo, 0, rows=5)

    class Lying(StoreCell):
        def windows(
            self, subject: PackageRole, places: Collection[WindowPlace]
        ) -> Sequence[CellWindow]:
            return [
                CellWindow(one.place, one.version, one.counters, one.profile[:-4])
                for one in super().windows(subject, places)
            ]

    with pytest.raises(PeerError, match="sent a window that cannot be read"):
        merge(parent, "oslo", Lying(oslo))
    assert rows_in(parent) == (0, 0)


def test_cells_of_cells_add_up(
    parent: SqlWarehouse, oslo: SqlWarehouse, lund: SqlWarehouse
) -> None:
    count(oslo, 0, rows=5)
    count(lund, 0, rows=7)
    merge(lund, "oslo", oslo)

    merge(parent, "north", lund)

    assert rows_in(parent) == (12, 12)
