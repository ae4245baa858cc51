"""One light device on a virtual clock, and the real collector."""

from collections.abc import Callable

import numpy as np
import pytest

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.seen import Marks
from edge_agent.core.agent import AgentConfig
from edge_contract.messages import (
    Assignment,
    Command,
    CommandResult,
    DesiredState,
    FleetTopics,
    Report,
    Target,
    decode,
    encode,
)
from edge_contract.package import Package
from edgefleet.simulation.drawing import Drawing
from edgefleet.simulation.habits import Habits
from edgefleet.simulation.light_device import LightDevice
from edgefleet.simulation.scenario import VersionManner
from edgefleet.simulation.shelf import Known
from edgefleet.simulation.tally import Tally
from tests.support.telemetry import facts_of

BEGAN_UNIX_S = 1_800_000_000.0
TOPICS = FleetTopics("default").device("sim-1")


class Surroundings:
    """Time, packages, a link, and a collector that writes at once."""

    def __init__(self, package: Package, habits: Habits) -> None:
        self.tally = Tally()
        self.now_s = 0.0
        self.is_up = True
        self.events: list[object] = []
        self.active: list[str] = []
        self.acked: list[bytes] = []
        self.merged_rows = 0
        reference = package.reference()
        self._known = Known(package.manifest, reference, Drawing(package.manifest, reference))
        self._digest = package.digest
        self._due: list[tuple[float, Callable[[float], None]]] = []
        facts = facts_of(package)
        self._collector = Collector(
            CollectorConfig(),
            packages=lambda _digest: facts,
            marks=lambda _life: Marks(),
            is_known=lambda _device: True,
        )
        config = AgentConfig(
            fleet="default", device="sim-1", models=("simulated",), interval_s=10.0
        )
        chance = np.random.default_rng(1)
        self.device = LightDevice(config, habits, around=self, chance=chance, publish=self._publish)

    def elapsed_s(self, now_s: float) -> float:
        return now_s

    def unix_s(self, now_s: float) -> float:
        return BEGAN_UNIX_S + now_s

    def later(self, delay_s: float, do: Callable[[float], None]) -> None:
        self._due.append((self.now_s + delay_s, do))

    def find(self, digest: str) -> Known | None:
        return self._known if digest == self._digest else None

    def want(self, digest: str, url: str) -> None:
        known = self.find(digest)
        self.later(0.0, lambda now_s: self.device.on_package(digest, known, "none", now_s))

    def serves(self, digest: str) -> None:
        self.active.append(digest)

    def hear(self, topic: str, message: DesiredState | Command) -> None:
        self.device.on_message(topic, encode(message), self.now_s)

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps of half a second; the collector commits after each."""
        for _ in range(round(2 * seconds)):
            self.now_s += 0.5
            due = [do for at_s, do in self._due if at_s <= self.now_s]
            self._due = [one for one in self._due if one[0] > self.now_s]
            for do in due:
                do(self.now_s)
            self.device.on_time(self.now_s)
            commit = self._collector.take_commit()
            if commit is not None:
                self.merged_rows += sum(
                    window.counters.rows for window in commit.device_windows.values()
                )
                for _, acks in self._collector.committed():
                    self.device.on_message(TOPICS.acks, encode(acks), self.now_s)

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self.is_up and topic == TOPICS.telemetry:
            self._collector.on_telemetry(topic, payload, self.unix_s(self.now_s))
        elif self.is_up:
            self.events.append(decode(payload))
        return self.is_up


def desired(package: Package) -> DesiredState:
    target = Target("1.0.0", package.digest)
    return DesiredState(1, {"simulated": Assignment(target)}, ":1/blobs")


def living(package: Package, habits: Habits) -> Surroundings:
    around = Surroundings(package, habits)
    around.device.begin(0.0)
    around.device.on_connected(0.0)
    around.hear(TOPICS.desired, desired(package))
    return around


def habits(**changes: object) -> Habits:
    return Habits(device="sim-1", site="", rows_per_s=4.0, **changes)  # type: ignore[arg-type]


def test_every_row_that_it_observes_is_merged_once(package: Package) -> None:
    around = living(package, habits())

    around.pass_time(60.0)
    around.device.close(around.now_s)
    around.pass_time(1.0)

    rows = around.device.rows
    assert rows.observed == rows.acked == around.merged_rows
    assert 230 <= rows.observed <= 240
    assert around.active == [package.digest]
    assert around.device.waiting_batches == 0
    assert len(around.tally.merging) == around.tally.acked_batches > 4


def test_a_link_that_is_down_and_a_kill_lose_nothing_that_was_saved(package: Package) -> None:
    around = living(package, habits())
    around.pass_time(15.0)

    around.is_up = False
    around.device.on_disconnected(around.now_s)
    around.pass_time(25.0)
    waiting = around.device.waiting_batches
    around.device.restart(around.now_s)
    around.is_up = True
    around.device.on_connected(around.now_s)
    around.pass_time(30.0)
    around.device.close(around.now_s)
    around.pass_time(1.0)

    assert waiting >= 2
    assert around.device.rows.observed == around.merged_rows > 200
    assert around.device.waiting_batches == 0


@pytest.mark.parametrize("skew_s", [-3e9, 86_400.0, 3e9])
def test_a_clock_that_is_wrong_costs_no_row(package: Package, skew_s: float) -> None:
    around = living(package, habits(skew_s=skew_s))

    around.pass_time(30.0)
    around.device.close(around.now_s)
    around.pass_time(1.0)

    assert around.device.rows.observed == around.merged_rows > 100


def test_a_slow_device_answers_and_loads_later(package: Package) -> None:
    around = living(package, habits(reaction_s=3.0, load_s=5.0))
    around.hear(TOPICS.commands, Command("c1", "ping", BEGAN_UNIX_S + 60.0))

    around.pass_time(2.0)
    before = any(isinstance(event, CommandResult) for event in around.events)
    around.pass_time(5.0)
    loaded_early = bool(around.active)
    around.pass_time(5.0)

    assert not before
    assert any(isinstance(event, CommandResult) for event in around.events)
    assert not loaded_early
    assert around.active == [package.digest]


def test_a_version_that_it_refuses_is_reported_as_bad(package: Package) -> None:
    manner = VersionManner("1.0.0", refused=1.0)
    around = living(package, habits(versions={"1.0.0": manner}))

    around.pass_time(5.0)

    reports = [event for event in around.events if isinstance(event, Report)]
    slot = reports[-1].models["simulated"].slot_of(package.digest)
    assert slot is not None
    assert (slot.state, slot.detail) == ("bad", "the simulated golden check failed")
    assert around.device.rows.observed == 0


def test_calls_that_fail_are_counted_apart_from_rows(package: Package) -> None:
    manner = VersionManner("1.0.0", failing=0.5)
    around = living(package, habits(versions={"1.0.0": manner}))

    around.pass_time(60.0)
    around.device.close(around.now_s)
    around.pass_time(1.0)

    assert 80 < around.device.rows.observed == around.merged_rows < 160
