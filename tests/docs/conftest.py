"""What pages need beside them: packages to try, a cloud, a fleet of two devices."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier

import edgefleet
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_agent.config import ring_folder
from edge_contract.stats import SPECS

INTERVAL_S = 1.0


class Addresses(NamedTuple):
    """Where a cloud listens: its API, and its broker."""

    api: str
    broker: str


@pytest.fixture(autouse=True)
def no_rings_left(tmp_path: Path) -> Iterator[None]:
    """Removes what agents of a page keep in memory beside their state folders."""
    yield
    for database in tmp_path.rglob("agent.db"):
        shutil.rmtree(ring_folder(database.parent), ignore_errors=True)


@pytest.fixture(autouse=True)
def no_plugins_left() -> Iterator[None]:
    """Forgets statistics that a page has brought along."""
    known = dict(SPECS)
    yield
    SPECS.clear()
    SPECS.update(known)


@pytest.fixture(scope="session")
def digit_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two versions of a small model of handwritten digits."""
    folder = tmp_path_factory.mktemp("packages")
    images, digits = load_digits(return_X_y=True)
    for version, trees in (("1.0.0", 10), ("1.1.0", 20)):
        model = RandomForestClassifier(trees, random_state=0).fit(images[::2], digits[::2])
        with pytest.warns(UserWarning, match="the reference has 898 rows"):
            edgefleet.convert(
                model, images[1::2], digits[1::2], name="digits", version=version, out=folder
            )
    return folder


@pytest.fixture
def cloud_addresses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Addresses]:
    """A running cloud on free ports."""
    config = CloudConfig(
        data=tmp_path_factory.mktemp("cloud"),
        http_port=0,
        mqtt_port=0,
        interval_s=INTERVAL_S,
        device_window_s=round(INTERVAL_S),
    )
    with CloudService(config) as service:
        yield Addresses(service.url, service.broker_url)


@pytest.fixture
def fleet_addresses(
    cloud_addresses: Addresses, digit_packages: Path, tmp_path: Path
) -> Iterator[Addresses]:
    """A running cloud that knows digits 1.0.0, and two devices that predict with it."""
    with edgefleet.Cloud(cloud_addresses.api, token="") as cloud:
        cloud.push(digit_packages / "digits-1.0.0.modelpkg")
    leave = threading.Event()
    with ExitStack() as stack:
        agents = [
            stack.enter_context(
                edgefleet.Agent(
                    "digits", cloud=cloud_addresses.broker, device=name, state=tmp_path / name
                )
            )
            for name in ("gate-1", "gate-2")
        ]
        threads = [threading.Thread(target=_predict, args=(agent, leave)) for agent in agents]
        for agent in agents:
            agent.wait_ready()
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(leave.set)
        yield cloud_addresses


def _predict(agent: edgefleet.Agent, leave: threading.Event) -> None:
    images, digits = load_digits(return_X_y=True)
    while not leave.wait(0.1):
        prediction = agent.predict(images[:20])
        agent.label(prediction.id, digits[:20])
