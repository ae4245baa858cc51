import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.support.left_behind import ends_with_this_process
from tests.support.longest_files import longest_first

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

# Two workers with two threads each, which wait for work by spinning, keep two cores busy with that:
# the fit of a small model took fifty times as long. Workers and other processes have it from here.
for library in ("OMP", "OPENBLAS"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")

# No deadline: a slow machine is no defect. In continuous integration the same examples every time,
# so that a failure there is a failure of the change and not of chance.
settings.register_profile("dev", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    ends_with_this_process()
    if hasattr(config.option, "loadscopereorder"):  # else workers begin with files of many tests
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if "PYTEST_XDIST_WORKER" in os.environ:
        longest_first(items)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """One PostgreSQL server for all tests that ask for it; each takes a database of its own."""
    from tests.support.postgres import PostgresServer

    server = PostgresServer()
    try:
        server.start()
        yield server
    finally:
        server.close()
