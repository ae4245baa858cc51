"""A fleet whose devices pin a root, with real processes: who may release, and who may order."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from paho.mqtt import publish

from cloud_sync.trust.ceremony import Ceremony, Passwords
from edge_agent.agent import Agent
from edge_contract.messages import Assignment, DesiredState, FleetTopics, Target, encode
from tests.integration.processes import CloudProcess, cli, eventually
from tests.support.packages import digits, with_version

V1 = digits().package
V2, V3 = with_version(V1, "1.1.0"), with_version(V1, "1.2.0")


class Fleet(NamedTuple):
    """A cloud with keys, and a device that pins their root."""

    cloud: CloudProcess
    agent: Agent
    folder: Path

    def push(self, version: str, *options: str) -> int:
        return cli(
            "model",
            "push",
            self.folder / f"digits-{version}.modelpkg",
            "--untried",
            *options,
            cloud=self.cloud.url,
        ).code


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("trust")
    Ceremony(folder / "keys", Passwords(), now=datetime.now(UTC)).begin(["digits"])
    for package in (V1, V2, V3):
        (folder / package.file_name).write_bytes(package.to_archive())
    keys = folder / "keys" / "cloud"
    with (
        CloudProcess(folder / "cloud", options=["--keys", str(keys)]) as cloud,
        Agent(
            "digits",
            cloud=cloud.broker_url,
            device="gate-3",
            state=folder / "state",
            interval_s=0.5,
            trusted_root=keys / "metadata" / "root.json",
        ) as agent,
    ):
        fleet = Fleet(cloud, agent, folder)
        assert fleet.push("1.0.0", "--key", str(folder / "keys" / "model-digits.pem")) == 0
        eventually("the first version serves", lambda: agent.version == "1.0.0")
        yield fleet


def test_a_version_that_nobody_released_is_refused_and_taken_back(fleet: Fleet) -> None:
    assert fleet.push("1.1.0") == 0

    fleet.cloud.client.start_rollout("digits", "1.1.0", strategy="all-at-once")

    eventually(
        "it is rolled back",
        lambda: fleet.cloud.client.rollouts()[0].state == "rolled_back",
    )
    assert fleet.agent.version == "1.0.0"


def test_orders_that_the_director_did_not_sign_are_not_heard(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    forged = DesiredState(
        generation=10**9,
        models={"digits": Assignment(serve=Target("1.1.0", V2.digest))},
        packages_url=f"{fleet.cloud.url}/api/v1/blobs",
    )

    username, password = fleet.cloud.broker_login  # the broker is in somebody's hands

    publish.single(
        FleetTopics("default").device("gate-3").desired,
        encode(forged),
        qos=1,
        port=int(fleet.cloud.broker_url.rpartition(":")[2]),
        client_id="attacker",
        auth={"username": username, "password": password},
    )

    eventually("it is told", lambda: "it is not signed" in caplog.text)
    assert fleet.agent.version == "1.0.0"


def test_a_version_that_its_key_released_serves_also_after_the_keys_were_replaced(
    fleet: Fleet,
) -> None:
    keys = fleet.folder / "keys"
    for role in ("model-digits", "root"):
        assert cli("keys", "rotate", keys, role, cloud=fleet.cloud.url).code == 0
    assert fleet.push("1.2.0", "--key", str(keys / "model-digits.old")) == 1
    assert fleet.push("1.2.0", "--key", str(keys / "model-digits.pem")) == 0

    fleet.cloud.client.start_rollout("digits", "1.2.0", strategy="all-at-once")

    eventually("it serves", lambda: fleet.agent.version == "1.2.0")
