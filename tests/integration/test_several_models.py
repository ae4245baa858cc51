"""A device of two models under a real cloud: one is rolled out while the other stays."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.model import Model
from edge_contract.package import Package
from edgefleet import Cloud
from tests.edge_agent.conftest import MakeAgent, make_agent  # noqa: F401  a fixture
from tests.integration.processes import CloudProcess, cli, eventually
from tests.integration.system import read_ledger, rows_by_device
from tests.support.packages import words

DEVICE = "till-3"


def digest_of(path: Path) -> str:
    return Package.from_archive(path.read_bytes()).digest


@contextmanager
def asking(model: Model, width: int, answered: Counter[str]) -> Iterator[None]:
    """Ask a model for one row after the other on a thread, and count what answered."""
    ended = threading.Event()
    failed: list[BaseException] = []

    def ask() -> None:
        rng = np.random.default_rng(0)
        try:
            while not ended.wait(0.005):
                row = rng.normal(size=(1, width)).astype(np.float32)
                answered[model.predict(row).model] += 1
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    assert not failed


def reported(client: Cloud, model: str) -> str:
    """The version of a model that the cloud knows the device to serve."""
    report = client.device(DEVICE).models.get(model)
    return str(report["version"]) if isinstance(report, dict) else ""


def has(said: Callable[[], str], version: str) -> Callable[[], bool]:
    return lambda: said() == version


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[CloudProcess]:
    with CloudProcess(tmp_path) as cloud:
        yield cloud


def test_one_of_two_models_is_rolled_out_while_the_other_stays(
    cloud: CloudProcess,
    packages: dict[str, Path],
    make_agent: MakeAgent,  # noqa: F811
) -> None:
    trees = words().package
    for package in (packages["1.0.0"], packages["1.1.0"], trees):
        cloud.client.push(package)
    agent: Agent = make_agent(
        ["gate", "trees"], cloud=cloud.broker_url, device=DEVICE, interval_s=0.5
    )
    agent.wait_ready()
    answered: Counter[str] = Counter()

    with asking(agent["gate"], 4, answered), asking(agent["trees"], 4, answered):
        eventually("rows arrive", lambda: cloud.client.summary().rows_merged > 50)
        words_of_rollout = ["--strategy", "all-at-once", "--bake", "1", "--min-rows", "20"]
        done = cli("rollout", "start", "gate@1.1.0", *words_of_rollout, "--wait", cloud=cloud.url)
        assert done.code == 0, done
        assert agent.version == "1.1.0, 1.0.0"
        assert reported(cloud.client, "gate") == "1.1.0"
        assert reported(cloud.client, "trees") == "1.0.0"

    total = sum(answered.values())
    eventually("all rows are merged", lambda: cloud.client.summary().rows_merged >= total)
    assert set(answered) == {"gate@1.0.0", "gate@1.1.0", "trees@1.0.0"}
    assert read_ledger(cloud.data).rows == total
    for model, digest in {
        "gate@1.0.0": digest_of(packages["1.0.0"]),
        "gate@1.1.0": digest_of(packages["1.1.0"]),
        "trees@1.0.0": trees.digest,
    }.items():
        assert rows_by_device(cloud.data, digest) == {DEVICE: answered[model]}

    shadowed = cli("rollout", "start", "gate@1.0.0", "--bake", "60", cloud=cloud.url)
    assert shadowed.code == 0, shadowed
    eventually(
        "the older version runs in the shadow of its model only",
        lambda: "shadow" in states(cloud.client, "gate"),
    )
    assert "shadow" not in states(cloud.client, "trees")


def states(client: Cloud, model: str) -> list[str]:
    report = client.device(DEVICE).models.get(model)
    assert isinstance(report, dict)
    return [slot["state"] for slot in report["slots"]]
