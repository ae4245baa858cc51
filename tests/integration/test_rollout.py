"""Versions go out to real devices and come back, whoever is away or dies meanwhile."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from edge_contract.package import Package
from tests.integration.processes import ROOT, Cameras, CloudProcess, cli, eventually
from tests.integration.system import read_ledger, rows_by_device

DEVICES = ["cam-1", "cam-2", "cam-3", "cam-4", "cam-5"]
QUICK = ["--bake", "1", "--max-wait", "30", "--min-rows", "200", "--steps", "0.4,1"]
SLOW = ["--bake", "60", "--max-wait", "120", "--min-rows", "200", "--steps", "0.4,1", "--no-shadow"]


@pytest.fixture
def cloud(tmp_path: Path, packages: dict[str, Path]) -> Iterator[CloudProcess]:
    """A cloud whose fleet runs 1.0.0 and whose registry has 1.1.0."""
    with CloudProcess(tmp_path) as cloud:
        cloud.client.push(packages["1.0.0"])
        cloud.client.push(packages["1.1.0"])
        yield cloud


@pytest.fixture
def fleet(cloud: CloudProcess, tmp_path: Path) -> Iterator[Cameras]:
    """Five devices that serve 1.0.0, and have done so for long enough to be compared with."""
    folder = tmp_path / "devices"
    with Cameras(folder, DEVICES, broker=cloud.broker_url, rate_hz=100.0) as cameras:
        eventually("all serve", lambda: serving(cloud) == dict.fromkeys(DEVICES, "1.0.0"))
        eventually("rows arrive", lambda: cloud.client.summary().rows_merged >= 1500)
        yield cameras


def serving(cloud: CloudProcess) -> dict[str, str]:
    """Version by device, as the devices reported it."""
    reports = {device.name: device.models.get("gate") for device in cloud.client.devices()}
    return {
        name: str(report["version"]) for name, report in reports.items() if isinstance(report, dict)
    }


def state_of(cloud: CloudProcess) -> str:
    return cloud.client.rollout().state


def settled_rows(cloud: CloudProcess, *fleets: Cameras) -> int:
    """Pause all cameras and return how many rows they predicted, once all of those are merged."""
    for cameras in fleets:
        cameras.pause()
    rows = sum(cameras.tally.returned for cameras in fleets)
    eventually("all rows are merged", lambda: cloud.client.summary().rows_merged >= rows)
    assert all(cameras.tally.failed == 0 for cameras in fleets)
    return rows


def test_a_good_version_is_promoted_and_a_bad_one_taken_back(
    cloud: CloudProcess, fleet: Cameras, packages: dict[str, Path]
) -> None:
    good = cli("rollout", "start", "gate@1.1.0", *QUICK, "--wait", cloud=cloud.url, within_s=50)

    assert good.code == 0, good
    assert "shadow passed" in good.out
    assert "canary 40% passed" in good.out
    assert "succeeded: gate@1.1.0" in good.out
    assert serving(cloud) == dict.fromkeys(DEVICES, "1.1.0")

    assert cli("model", "push", packages["1.2.0"], cloud=cloud.url).code == 0
    bad = cli("rollout", "start", "gate@1.2.0", *QUICK, "--wait", cloud=cloud.url, within_s=50)

    assert bad.code == 1, bad
    assert "rolled_back: gate@1.2.0" in bad.out
    assert serving(cloud) == dict.fromkeys(DEVICES, "1.1.0")
    rows = settled_rows(cloud, fleet)
    assert read_ledger(cloud.data).rows == rows
    digest = Package.from_archive(packages["1.2.0"].read_bytes()).digest
    exposed = set(cloud.client.rollout().devices_exposed)
    assert set(rows_by_device(cloud.data, digest)) == exposed
    assert len(exposed) <= 2


def test_a_device_that_was_away_during_a_rollout_gets_the_new_version_when_it_comes_back(
    cloud: CloudProcess, fleet: Cameras, tmp_path: Path
) -> None:
    with Cameras(tmp_path / "devices", ["cam-away"], broker=cloud.broker_url) as away:
        eventually("it serves", lambda: serving(cloud).get("cam-away") == "1.0.0")
        away.stop()
        eventually("it said farewell", lambda: cloud.client.device("cam-away").status == "offline")
        words = ["rollout", "start", "gate@1.1.0", "--strategy", "all-at-once", *QUICK[:6]]
        done = cli(*words, "--wait", cloud=cloud.url, within_s=50)
        assert done.code == 0, done
        assert serving(cloud) == {**dict.fromkeys(DEVICES, "1.1.0"), "cam-away": "1.0.0"}

        away.start()

        eventually("it follows", lambda: serving(cloud)["cam-away"] == "1.1.0")
        away.tell("resume")
        rows = settled_rows(cloud, fleet, away)
        assert read_ledger(cloud.data).rows == rows


def test_a_device_that_never_saw_the_cloud_serves_its_package_and_loses_no_row(
    tmp_path: Path, packages: dict[str, Path]
) -> None:
    cloud = CloudProcess(tmp_path)
    with ExitStack() as stack:
        cameras = stack.enter_context(
            Cameras(
                tmp_path / "devices",
                ["cam-1"],
                broker=cloud.broker_url,
                model=str(packages["1.0.0"]),
            )
        )
        eventually("it predicts offline", lambda: cameras.tally.returned > 60)
        stack.enter_context(cloud)
        eventually("it comes online", lambda: serving(cloud) == {"cam-1": "1.0.0"})
        eventually("its package is unknown", lambda: cloud.client.summary().messages_refused)
        assert cloud.client.summary().rows_merged == 0

        cloud.client.push(packages["1.0.0"])

        rows = settled_rows(cloud, cameras)
        assert rows > 60
        assert read_ledger(cloud.data).rows == rows


def test_a_rollout_goes_on_after_everything_was_killed_and_whoever_watches_it_sees_its_end(
    cloud: CloudProcess, fleet: Cameras
) -> None:
    words = [
        "rollout",
        "start",
        "gate@1.1.0",
        *QUICK,
        "--no-shadow",
        "--wait",
        "--cloud",
        cloud.url,
    ]
    with subprocess.Popen(
        [sys.executable, "-m", "edgefleet", *words], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as watching:
        eventually("the canary runs", lambda: "1.1.0" in serving(cloud).values())
        rollout_id = cloud.client.rollout().rollout_id
        cloud.kill9()
        fleet.kill9()
        fleet.start()
        cloud.start()

        assert cloud.client.rollout().rollout_id == rollout_id
        assert set(serving(cloud)) == set(DEVICES)
        out, _ = watching.communicate(timeout=40)

    assert watching.returncode == 0, out
    assert "succeeded: gate@1.1.0" in out
    assert serving(cloud) == dict.fromkeys(DEVICES, "1.1.0")
    rows = settled_rows(cloud, fleet)
    assert read_ledger(cloud.data).rows == rows


def test_an_operator_steers_rollouts_from_the_command_line(
    cloud: CloudProcess, fleet: Cameras
) -> None:
    def steer(action: str) -> str:
        done = cli("rollout", action, cloud=cloud.url)
        assert done.code == 0, done
        return done.out

    started = cli("rollout", "start", "gate@1.1.0", *SLOW, "--approval", cloud=cloud.url)
    assert started.code == 0, started
    assert state_of(cloud) == "awaiting_approval"
    assert serving(cloud) == dict.fromkeys(DEVICES, "1.0.0")

    steer("approve")
    eventually("two devices serve 1.1.0", lambda: [*serving(cloud).values()].count("1.1.0") == 2)
    assert " is paused" in steer("pause")
    assert state_of(cloud) == "paused"
    again = cli("rollout", "pause", cloud=cloud.url)
    assert (again.code, again.out) == (2, "")
    assert again.err.startswith("error: ")
    assert "paused" in again.err
    assert " is running" in steer("resume")
    steer("abort")
    eventually("it is aborted", lambda: state_of(cloud) == "aborted")
    assert serving(cloud) == dict.fromkeys(DEVICES, "1.0.0")

    cli("rollout", "start", "gate@1.1.0", *SLOW, cloud=cloud.url)
    eventually("two devices serve 1.1.0", lambda: [*serving(cloud).values()].count("1.1.0") == 2)
    steer("rollback")
    eventually("it is rolled back", lambda: state_of(cloud) == "rolled_back")
    assert serving(cloud) == dict.fromkeys(DEVICES, "1.0.0")
    rows = settled_rows(cloud, fleet)
    assert read_ledger(cloud.data).rows == rows
