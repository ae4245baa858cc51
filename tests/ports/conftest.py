"""Every warehouse, for the tests of its port."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.adapters.postgres_warehouse import PostgresWarehouse
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.ports import Warehouse
from tests.support.memory_warehouse import MemoryWarehouse
from tests.support.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    store: Warehouse = MemoryWarehouse()
    if request.param == "sqlite":
        store = SqliteWarehouse(tmp_path)
    elif request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        store = PostgresWarehouse(server.new_warehouse())
    with closing(store):
        yield store
