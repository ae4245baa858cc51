"""The demo's story: convert, run, drift, roll out, roll back, and count every row."""

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.console import Console

from cloud_sync.backend import RolloutView
from cloud_sync.policy_world import POLICIES
from cloud_sync.service import CloudService
from edge_contract.package import Package, Role
from edgefleet.client import Cloud
from edgefleet.demo import digits
from edgefleet.demo.cameras import Camera, Cameras
from edgefleet.demo.closed_loop import (
    AUTOMATIC,
    MANUAL,
    asked_for_retraining,
    holds,
    was_answered,
    write_policies,
)
from edgefleet.demo.facts import Facts, RolloutFacts, StoryError
from edgefleet.demo.telling import LOOK_S, Teller, estimated_accuracy, labels_seen, serving_of
from edgefleet.demo.versions import DIRTY_SHARE, MODEL

if TYPE_CHECKING:
    pass

__all__ = ["RATE_HZ", "Story"]

RATE_HZ: Final = 15.0


class Story(Teller):
    """Tells the story on a console and collects the facts.

    Args:
        console: Where it is told.
        service: A running cloud.
        cloud: Its client.
        cameras: Running cameras.
        packages: By version.
    """

    def __init__(
        self,
        console: Console,
        *,
        service: CloudService,
        cloud: Cloud,
        cameras: Cameras,
        packages: dict[str, Package],
    ) -> None:
        super().__init__(console, cameras)
        self._service = service
        self._cloud = cloud
        self._packages = packages
        self._policies = service.config.data / POLICIES
        self.facts = Facts()

    # The chapters.

    def bring_up(self) -> None:
        """Wait until every camera serves 1.0.0."""
        digest = self._packages["1.0.0"].digest

        def serving() -> bool:
            devices = self._cloud.devices()
            served = [d for d in devices if serving_of(d.models) == digest]
            return len(served) == len(self._cameras)

        self._wait("cameras start and fetch digits 1.0.0", serving, 90.0)
        self._say(f"{len(self._cameras)} cameras are online and serve digits 1.0.0")
        self._watch_for(8.0, "cameras predict digits that no model has seen")
        view = self._cloud.version(MODEL, "1.0.0")
        self.facts.clean_accuracy = estimated_accuracy(view)
        self._say(
            f"estimated accuracy without labels {estimated_accuracy(view):.3f}, "
            f"true {self._true_accuracy(8.0):.3f}, no drift alarm"
        )
        if self._cloud.alarms():
            raise StoryError(f"a false alarm: {self._cloud.alarms()[0].sentence}")

    def close_the_loop(self) -> None:
        """Say what shall happen by itself from now on."""
        write_policies(self._policies, version=1, automation=AUTOMATIC)
        self._wait("the cloud takes up its policies", lambda: holds(self._cloud, 1), 20.0)
        self._say(
            "policies.toml: an alarm asks for retraining; a new version goes out by shadow and "
            "canary, by itself"
        )

    def drift(self) -> None:
        """Soil some lenses; wait for the alarm and for the estimate to fall."""
        soiled = list(self._cameras)[: max(round(DIRTY_SHARE * len(self._cameras)), 1)]
        for camera in soiled:
            camera.soil(digits.DIRTY)
        names = ", ".join(camera.name for camera in soiled)
        self._say(f"dirt on the lenses of {names}: darker and blurred")
        began_s = time.monotonic()
        self._wait("the collector compares with the reference", self._cloud.alarms, 60.0)
        alarm = self._cloud.alarms()[-1]
        self.facts.drift_alarm_s = round(time.monotonic() - began_s, 1)
        self.facts.labels_when_alarmed = labels_seen(self._cloud.version(MODEL, "1.0.0"))
        self._console.print(f"  [bold yellow]alarm[/] {alarm.sentence}", highlight=False)
        self._wait(
            "the policy acts on the alarm", lambda: asked_for_retraining(self._cloud, MODEL), 20.0
        )
        self._console.print(
            "  [bold cyan]policy[/] 'drift asks for a better model' asks for retraining",
            highlight=False,
        )
        target = self.facts.clean_accuracy - 0.01
        self._watch_for(self._service.config.live_s, "the estimate follows")
        self._wait(
            "the estimate follows",
            lambda: estimated_accuracy(self._cloud.version(MODEL, "1.0.0")) < target,
            30.0,
        )
        self.facts.estimated_accuracy = estimated_accuracy(self._cloud.version(MODEL, "1.0.0"))
        self.facts.true_accuracy = self._true_accuracy(self._service.config.live_s)
        grown = next(a for a in self._cloud.alarms() if a.alarm_id == alarm.alarm_id)
        self._console.print(f"  [bold yellow]grown[/] {grown.sentence}", highlight=False)
        self._console.print(f"  [dim]features: {', '.join(grown.features)}[/]", highlight=False)
        self._console.print(f"  [dim]devices: {', '.join(grown.devices)}[/]", highlight=False)
        worst = set(grown.devices[: len(soiled)])
        self.facts.alarm_devices_right = bool(worst) and worst <= {c.name for c in soiled}
        self._say(
            f"raised after {self.facts.drift_alarm_s} s; accuracy is estimated at "
            f"{self.facts.estimated_accuracy:.3f} (true {self.facts.true_accuracy:.3f}) "
            f"with {labels_seen(self._cloud.version(MODEL, '1.0.0'))} labels seen"
        )

    def good_rollout(self) -> None:
        """1.1.0 by shadow and canary, while a camera is killed and the broker dies."""
        self._cameras.tell("labels 0.1")
        self._say("people now look at one picture in ten; their labels arrive late")
        killed = self._cameras[len(self._cameras) - 1]
        again_at_s: list[float] = []

        def disturb(view: RolloutView) -> None:
            stage = next((s for s in view.stages if s.state in ("soaking", "analysing")), None)
            if stage is None:
                return
            if not self.facts.killed and stage is view.stages[0]:
                killed.kill()
                self.facts.killed = killed.name
                again_at_s.append(time.monotonic() + 3.0)
                self._console.print(f"  [red]kill -9[/] {killed.name} loses its power")
            elif stage is view.stages[-2] and not self.facts.broker_restarts:
                self._kill_broker()
            if again_at_s and time.monotonic() > again_at_s[0]:
                self._start_again(killed)
                again_at_s.clear()

        self._say("the training job answers the request with digits 1.1.0, dirty lenses included")
        self._roll_out("1.1.0", started_by="policy", meanwhile=disturb)
        self.facts.loop_closed = was_answered(self._cloud, MODEL)
        if not killed.alive:
            self._start_again(killed)
        outcome = self.facts.rollouts[-1].outcome
        if outcome != "succeeded":
            raise StoryError(f"digits 1.1.0 was not promoted: {outcome}")
        self._watch_for(6.0, "the fleet runs digits 1.1.0")
        view = self._cloud.version(MODEL, "1.1.0")
        self._say(
            f"estimated accuracy is back at {estimated_accuracy(view):.3f}; "
            f"true {self._true_accuracy(6.0):.3f}, the dirty lenses included"
        )

    def bad_rollout(self) -> None:
        """1.2.0 by canary, without a shadow: stopped and rolled back by itself."""
        write_policies(self._policies, version=2, automation=MANUAL)
        self._wait("the cloud takes up its policies", lambda: holds(self._cloud, 2), 20.0)
        self._say("an operator sets digits to manual and starts 1.2.0 in a hurry, without a shadow")
        self._roll_out("1.2.0", started_by="operator", meanwhile=lambda _view: None)
        found = self.facts.rollouts[-1]
        if found.outcome != "rolled_back":
            raise StoryError(f"digits 1.2.0 was not rolled back: {found.outcome}")
        digest = self._packages["1.1.0"].digest
        self._wait(
            "canaries go back to digits 1.1.0",
            lambda: all(serving_of(d.models) == digest for d in self._cloud.devices()),
            30.0,
        )
        self._say(f"only {found.devices_exposed} cameras ever ran it, all of them canaries")

    def settle(self) -> dict[str, object]:
        """Pause the cameras, let everything arrive, and return the numbers of both sides."""
        self._cameras.tell("pause")
        rows = time.monotonic()

        def arrived() -> bool:
            total = self._cameras.total()
            quiet = total.started == total.returned + total.failed
            merged = self._cloud.summary()
            return quiet and merged.rows_merged >= total.returned

        self._wait("the last rows arrive", arrived, 60.0)
        time.sleep(max(2.0 - (time.monotonic() - rows), 0.5))  # would more arrive than there is?
        counts = [camera.counts for camera in self._cameras]
        total, merged = self._cameras.total(), self._cloud.summary()
        counted = [found for found in counts if found is not None]
        return {
            "predictions": total.returned,
            "predictions_failed": total.failed,
            "rows_observed": total.returned,
            "rows_counted_by_agents": sum(rows for _, rows in counted),
            "rows_merged": merged.rows_merged,
            "batches_sent": sum(batches for batches, _ in counted),
            "batches_merged": merged.batches_merged,
            "devices": len(self._cameras),
        }

    def strangers(self, version: str) -> set[str]:
        """Return devices that have served a version according to the warehouse."""
        digest = self._packages[version].digest
        return {
            device
            for (device, subject), counters in self._service.warehouse.device_totals().items()
            if subject.package == digest and subject.role == Role.PRIMARY and counters.rows
        }

    # Telling and waiting.

    def _roll_out(
        self, version: str, *, started_by: str, meanwhile: Callable[[RolloutView], None]
    ) -> None:
        began_s = time.monotonic()
        view = self._cloud.push(self._packages[version])
        self._say(f"digits {version} is in the registry ({view.digest[7:19]})")
        by_policy = started_by == "policy"
        rollout = self._started(version) if by_policy else self._start(version)
        told = 0
        with self._console.status("rollout") as status:
            while rollout.state not in ("succeeded", "aborted", "rolled_back", "superseded"):
                told = self._tell_events(rollout, told, began_s)
                stages = "  ".join(f"{stage.name}: {stage.state}" for stage in rollout.stages)
                status.update(f"{rollout.state}   {stages}")
                if rollout.state == "paused" or time.monotonic() - began_s > 150:
                    raise StoryError(f"rollout of {version} is stuck: {rollout.sentence}")
                meanwhile(rollout)
                time.sleep(LOOK_S)
                self._remember()
                rollout = self._cloud.rollout(rollout.rollout_id)
        self._tell_events(rollout, told, began_s)
        self.facts.rollouts.append(
            RolloutFacts(
                name=rollout.rollout_id,
                version=version,
                strategy="shadow+canary" if by_policy else "canary",
                outcome=rollout.state,
                devices_exposed=len(rollout.devices_exposed),
                seconds=round(time.monotonic() - began_s, 1),
                stages=[f"{stage.name} {stage.state}" for stage in rollout.stages],
                exposed=frozenset(rollout.devices_exposed),
            )
        )

    def _start(self, version: str) -> RolloutView:
        return self._cloud.start_rollout(
            MODEL,
            version,
            strategy="canary",
            steps=(0.1, 0.5, 1.0),
            shadow=False,
            bake_s=5.0,
            max_wait_s=60.0,
            min_rows=200,
        )

    def _started(self, version: str) -> RolloutView:
        """Wait until a policy has started the rollout of a version."""

        def found() -> list[RolloutView]:
            return [view for view in self._cloud.rollouts() if view.version == version]

        self._wait("the policy starts the rollout", found, 20.0)
        self._console.print(
            "  [bold cyan]policy[/] 'a new version proves itself' started the rollout",
            highlight=False,
        )
        return found()[0]

    def _start_again(self, camera: Camera) -> None:
        camera.start()
        camera.tell("labels 0.1")
        self._console.print(f"  [green]back[/] {camera.name} has power again")

    def _kill_broker(self) -> None:
        broker = self._service.broker
        pid = broker.pid if broker is not None else None
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
            self.facts.broker_restarts += 1
            self._console.print("  [red]kill -9[/] the broker dies; the cloud starts it again")
