"""How the demo tells and waits: lines on a console, and what cameras know of the truth."""

import json
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from rich.console import Console

from cloud_sync.backend import RolloutView, VersionView
from edgefleet.demo.cameras import Cameras
from edgefleet.demo.facts import StoryError
from edgefleet.demo.tally import Tally
from edgefleet.demo.versions import MODEL

__all__ = ["LOOK_S", "Teller", "estimated_accuracy", "labels_seen", "serving_of"]

LOOK_S: Final = 0.5
"""Between two looks at what happens."""


class Teller:
    """Tells a story about cameras.

    Args:
        console: Where it is told.
        cameras: Running cameras.
    """

    def __init__(self, console: Console, cameras: Cameras) -> None:
        self._console = console
        self._cameras = cameras
        self._history: deque[tuple[float, Tally]] = deque(maxlen=400)

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
                time.sleep(LOOK_S)
                self._remember()

    def _wait(self, what: str, happened: Callable[[], object], timeout_s: float) -> None:
        end_s = time.monotonic() + timeout_s
        with self._console.status(what):
            while not happened():
                if time.monotonic() > end_s:
                    raise StoryError(f"{what}: it did not happen within {timeout_s:.0f} s")
                time.sleep(LOOK_S)
                self._remember()

    def _say(self, text: str) -> None:
        self._console.print(f"  [green]✓[/] {text}", highlight=False)

    def _tell_events(self, rollout: RolloutView, told: int, began_s: float) -> int:
        for event in rollout.events[told:]:
            at_s = time.monotonic() - began_s
            sentence = event.sentence.replace(" passed:", " [green]passed[/]:")
            sentence = sentence.replace(" failed:", " [red]failed[/]:")
            self._console.print(f"  [dim]{at_s:5.1f} s[/] {sentence}", highlight=False)
        return len(rollout.events)


def serving_of(models: object) -> str:
    """Return the digest that a device serves, out of what it reports."""
    found = json.loads(json.dumps(models)).get(MODEL, {})
    return str(found.get("serving", ""))


def estimated_accuracy(view: VersionView) -> float:
    """Return the accuracy estimated without labels; NaN if there is none."""
    found = view.estimated.get("accuracy", float("nan"))
    return float(found) if isinstance(found, (int, float)) else float("nan")


def labels_seen(view: VersionView) -> int:
    """Return how many rows of a version have had their truth."""
    rows = view.labelled.get("rows", 0) if view.labelled else 0
    return rows if isinstance(rows, int) else 0
