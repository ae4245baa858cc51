"""The demo's story: convert, run, drift, roll out, roll back, and count every row."""

import json
import os
import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.console import Console

from cloud_sync.backend import RolloutView, VersionView
from cloud_sync.service import CloudService
from edge_contract.errors import EdgeError
from edge_contract.package import Package, Role
from edgefleet.client import Cloud
from edgefleet.converting import convert
from edgefleet.demo import digits
from edgefleet.demo.cameras import Camera, Cameras
from edgefleet.demo.tally import Tally

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["Facts", "RolloutFacts", "Story", "StoryError", "make_packages"]

MODEL: Final = "digits"
RATE_HZ: Final = 15.0
_DIRTY_SHARE: Final = 0.3
_LOOK_S: Final = 0.5


class StoryError(EdgeError):
    """Something that the demo shows did not happen."""


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """How one rollout ended."""

    name: str
    version: str
    strategy: str
    outcome: str
    devices_exposed: int
    seconds: float
    stages: list[str]
    exposed: frozenset[str] = field(default_factory=frozenset)


@dataclass(slots=True)
class Facts:
    """What the closing table and the last line say."""

    drift_alarm_s: float = 0.0
    estimated_accuracy: float = 0.0
    true_accuracy: float = 0.0
    clean_accuracy: float = 0.0
    labels_when_alarmed: int = 0
    alarm_devices_right: bool = False
    rollouts: list[RolloutFacts] = field(default_factory=list)
    killed: str = ""
    broker_restarts: int = 0


def make_packages(console: Console) -> tuple[dict[str, Package], digits.Digits]:
    """Train and convert the three versions; only their making shows which one is bad."""
    data = digits.load()
    images, labels = data.held_out
    as_now = digits.field_like(data, dirty_share=_DIRTY_SHARE)
    shuffled = (images, np.random.default_rng(1).permutation(labels))
    recipes: dict[str, tuple[Callable[[], Pipeline], digits.Scans, str]] = {
        "1.0.0": (lambda: digits.train(data, augmented=False), data.held_out, "as scanned"),
        "1.1.0": (lambda: digits.train(data, augmented=True), as_now, "with dirty lenses added"),
        "1.2.0": (lambda: digits.train_broken(data), shuffled, "with labels shuffled by mistake"),
    }
    packages: dict[str, Package] = {}
    for version, (train, held_out, how) in recipes.items():
        with console.status(f"training {MODEL} {version} ({how})"):
            model = train()
        with console.status(f"converting {MODEL} {version}"):
            packages[version] = convert(
                model,
                *held_out,
                name=MODEL,
                version=version,
                description=f"Handwritten digits, 8 x 8 pixels; trained {how}.",
                lineage={"training": how, "rows": len(data.train[0])},
            )
    return packages, data


class Story:
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
        self._console = console
        self._service = service
        self._cloud = cloud
        self._cameras = cameras
        self._packages = packages
        self._history: deque[tuple[float, Tally]] = deque(maxlen=400)
        self.facts = Facts()

    # The chapters.

    def bring_up(self) -> None:
        """Wait until every camera serves 1.0.0."""
        digest = self._packages["1.0.0"].digest

        def serving() -> bool:
            devices = self._cloud.devices()
            served = [d for d in devices if _serving(d.models) == digest]
            return len(served) == len(self._cameras)

        self._wait("cameras start and fetch digits 1.0.0", serving, 90.0)
        self._say(f"{len(self._cameras)} cameras are online and serve digits 1.0.0")
        self._watch_for(8.0, "cameras predict digits that no model has seen")
        view = self._cloud.version(MODEL, "1.0.0")
        self.facts.clean_accuracy = _estimated(view)
        self._say(
            f"estimated accuracy without labels {_estimated(view):.3f}, "
            f"true {self._true_accuracy(8.0):.3f}, no drift alarm"
        )
        if self._cloud.alarms():
            raise StoryError(f"a false alarm: {self._cloud.alarms()[0].sentence}")

    def drift(self) -> None:
        """Soil some lenses; wait for the alarm and for the estimate to fall."""
        soiled = list(self._cameras)[: max(round(_DIRTY_SHARE * len(self._cameras)), 1)]
        for camera in soiled:
            camera.soil(digits.DIRTY)
        names = ", ".join(camera.name for camera in soiled)
        self._say(f"dirt on the lenses of {names}: darker and blurred")
        began_s = time.monotonic()
        self._wait("the collector compares with the reference", self._cloud.alarms, 60.0)
        alarm = self._cloud.alarms()[-1]
        self.facts.drift_alarm_s = round(time.monotonic() - began_s, 1)
        self.facts.labels_when_alarmed = self._labels("1.0.0")
        self._console.print(f"  [bold yellow]alarm[/] {alarm.sentence}", highlight=False)
        target = self.facts.clean_accuracy - 0.01
        self._watch_for(self._service.config.live_s, "the estimate follows")
        self._wait(
            "the estimate follows",
            lambda: _estimated(self._cloud.version(MODEL, "1.0.0")) < target,
            30.0,
        )
        self.facts.estimated_accuracy = _estimated(self._cloud.version(MODEL, "1.0.0"))
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
            f"with {self._labels('1.0.0')} labels seen"
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

        self._roll_out("1.1.0", shadow=True, meanwhile=disturb)
        if not killed.alive:
            self._start_again(killed)
        outcome = self.facts.rollouts[-1].outcome
        if outcome != "succeeded":
            raise StoryError(f"digits 1.1.0 was not promoted: {outcome}")
        self._watch_for(6.0, "the fleet runs digits 1.1.0")
        view = self._cloud.version(MODEL, "1.1.0")
        self._say(
            f"estimated accuracy is back at {_estimated(view):.3f}; "
            f"true {self._true_accuracy(6.0):.3f}, the dirty lenses included"
        )

    def bad_rollout(self) -> None:
        """1.2.0 by canary: stopped and rolled back by itself."""
        self._roll_out("1.2.0", shadow=False, meanwhile=lambda _view: None)
        found = self.facts.rollouts[-1]
        if found.outcome != "rolled_back":
            raise StoryError(f"digits 1.2.0 was not rolled back: {found.outcome}")
        digest = self._packages["1.1.0"].digest
        self._wait(
            "canaries go back to digits 1.1.0",
            lambda: all(_serving(d.models) == digest for d in self._cloud.devices()),
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
        self, version: str, *, shadow: bool, meanwhile: Callable[[RolloutView], None]
    ) -> None:
        began_s = time.monotonic()
        view = self._cloud.push(self._packages[version])
        self._say(f"digits {version} is in the registry ({view.digest[7:19]})")
        rollout = self._cloud.start_rollout(
            MODEL,
            version,
            strategy="canary",
            steps=(0.1, 0.5, 1.0),
            shadow=shadow,
            bake_s=5.0,
            max_wait_s=60.0,
            min_rows=200,
        )
        told = 0
        with self._console.status("rollout") as status:
            while rollout.state not in ("succeeded", "aborted", "rolled_back", "superseded"):
                told = self._tell_events(rollout, told, began_s)
                stages = "  ".join(f"{stage.name}: {stage.state}" for stage in rollout.stages)
                status.update(f"{rollout.state}   {stages}")
                if rollout.state == "paused" or time.monotonic() - began_s > 150:
                    raise StoryError(f"rollout of {version} is stuck: {rollout.sentence}")
                meanwhile(rollout)
                time.sleep(_LOOK_S)
                self._remember()
                rollout = self._cloud.rollout(rollout.rollout_id)
        self._tell_events(rollout, told, began_s)
        self.facts.rollouts.append(
            RolloutFacts(
                name=rollout.rollout_id,
                version=version,
                strategy="shadow+canary" if shadow else "canary",
                outcome=rollout.state,
                devices_exposed=len(rollout.devices_exposed),
                seconds=round(time.monotonic() - began_s, 1),
                stages=[f"{stage.name} {stage.state}" for stage in rollout.stages],
                exposed=frozenset(rollout.devices_exposed),
            )
        )

    def _tell_events(self, rollout: RolloutView, told: int, began_s: float) -> int:
        for event in rollout.events[told:]:
            at_s = time.monotonic() - began_s
            sentence = event.sentence.replace(" passed:", " [green]passed[/]:")
            sentence = sentence.replace(" failed:", " [red]failed[/]:")
            self._console.print(f"  [dim]{at_s:5.1f} s[/] {sentence}", highlight=False)
        return len(rollout.events)

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

    def _labels(self, version: str) -> int:
        labelled = self._cloud.version(MODEL, version).labelled
        rows = labelled.get("rows", 0) if labelled else 0
        return rows if isinstance(rows, int) else 0

    def _remember(self) -> None:
        self._history.append((time.monotonic(), self._cameras.total()))

    def _true_accuracy(self, over_s: float) -> float:
        """Return the share of right predictions in the last ``over_s`` seconds, as cameras know."""
        self._remember()
        now_s, now = self._history[-1]
        then = next(t for at_s, t in self._history if at_s >= now_s - over_s)
        made = now.clean + now.dirty - then.clean - then.dirty
        right = now.clean_right + now.dirty_right - then.clean_right - then.dirty_right
        return right / made if made else float("nan")

    def _watch_for(self, seconds: float, what: str) -> None:
        end_s = time.monotonic() + seconds
        with self._console.status(what):
            while time.monotonic() < end_s:
                time.sleep(_LOOK_S)
                self._remember()

    def _wait(self, what: str, happened: Callable[[], object], timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        with self._console.status(what):
            while not happened():
                if time.monotonic() > end_s:
                    raise StoryError(f"{what}: it did not happen within {timeout_s:.0f} s")
                time.sleep(_LOOK_S)
                self._remember()

    def _say(self, text: str) -> None:
        self._console.print(f"  [green]✓[/] {text}", highlight=False)


def save_images(path: Path, data: digits.Digits) -> Path:
    """Write what the cameras see and return the file."""
    np.savez(path, images=data.field[0], labels=data.field[1])
    return path


def _serving(models: object) -> str:
    found = json.loads(json.dumps(models)).get(MODEL, {})
    return str(found.get("serving", ""))


def _estimated(view: VersionView) -> float:
    found = view.estimated.get("accuracy", float("nan"))
    return float(found) if isinstance(found, (int, float)) else float("nan")
