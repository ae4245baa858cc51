"""Whatever is killed with -9 or restarted in the middle of traffic: every row is merged, once."""

import random

import pytest

from tests.integration.system import Ledger, System, read_ledger

CAMERAS = ["cam-1", "cam-2", "cam-3"]


def kill_a_camera(system: System, rng: random.Random) -> None:
    camera = rng.choice(system.cameras)
    camera.kill9()
    system.after(rows=rng.randint(1, 60))
    camera.start()


def kill_the_cloud(system: System, rng: random.Random) -> None:
    system.kill_cloud()
    system.after(rows=rng.randint(1, 60))
    system.cloud.start()


def kill_the_broker(system: System, rng: random.Random) -> None:
    system.kill_broker()
    system.after(rows=rng.randint(1, 60))
    system.restart_broker()


def restart_the_cloud(system: System, rng: random.Random) -> None:
    assert system.cloud.stop() == 0
    system.after(rows=rng.randint(1, 60))
    system.cloud.start()


def assert_every_row_was_merged_once(system: System) -> None:
    told = system.settle()
    summary = system.cloud.client.summary()

    assert told.failed == 0
    assert summary.rows_merged == told.returned == system.rows_counted()
    assert summary.batches_merged == system.batches_saved()
    assert summary.messages_refused == 0
    assert read_ledger(system.cloud.data) == Ledger(
        rows=told.returned,
        device_rows=told.returned,
        batches=summary.batches_merged,
        refused=0,
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_no_row_is_lost_or_counted_twice_whatever_ends_when(system: System, seed: int) -> None:
    rng = random.Random(seed)
    disturbances = [kill_a_camera, kill_the_cloud, kill_the_broker, restart_the_cloud]
    rng.shuffle(disturbances)
    system.film(CAMERAS)

    for disturb in disturbances:
        system.after(rows=rng.randint(0, 90))
        disturb(system, rng)

    assert_every_row_was_merged_once(system)
