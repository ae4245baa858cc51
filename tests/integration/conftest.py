"""Packages, brokers and whole systems of real processes; all of them end with their test."""

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.gate import make_packages
from tests.integration.processes import tail
from tests.integration.system import System
from tests.support.brokers import BROKERS, MosquittoBroker


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return make_packages(tmp_path_factory.mktemp("packages"))


@pytest.fixture(params=BROKERS)
def system(
    request: pytest.FixtureRequest, tmp_path: Path, packages: dict[str, Path]
) -> Iterator[System]:
    """A cloud that runs 1.0.0, with its own broker or with mosquitto; cameras join later."""
    with ExitStack() as stack:
        own: MosquittoBroker | None = None
        if request.param == "mosquitto":
            own = MosquittoBroker(tmp_path / "mosquitto")
            stack.callback(own.stop)
            own.start()
        system = stack.enter_context(System(tmp_path, own))
        system.cloud.client.push(packages["1.0.0"])
        yield system


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the ends of all logs of a test that failed."""
    report = yield
    folder = item.funcargs.get("tmp_path") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(folder, Path):
        for log in sorted(folder.rglob("*.log")):
            report.sections.append((f"end of {log.relative_to(folder)}", tail(log)))
    return report
