"""Puts the demo on a stage: sets up, tells the story, checks it, and cleans up."""

import json
import logging
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from cloud_sync.adapters.listening import free_port
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_contract.errors import EdgeError
from edge_contract.package import Package
from edgefleet.client import Cloud
from edgefleet.demo.cameras import Camera, Cameras
from edgefleet.demo.page import bring_page
from edgefleet.demo.story import RATE_HZ, Story
from edgefleet.demo.versions import make_packages, save_images

__all__ = ["run_demo"]

_CAMERAS: Final = 20
_INTERVAL_S: Final = 2.0
_LIVE_S: Final = 12.0


def run_demo(console: Console, *, once: bool, http_port: int, mqtt_port: int) -> int:
    """Run the demo and return its exit code: 0 only if everything held.

    Args:
        console: Where the story is told.
        once: End after the story; else stay up until Ctrl-C.
        http_port: For the dashboard; 0 takes a free one.
        mqtt_port: For the broker; 0 takes a free one.
    """
    began_s = time.monotonic()
    console.print(
        Panel(
            "A model is trained, packaged, run by a fleet of cameras and watched from the cloud.\n"
            "Lenses get dirty, a better version goes out, a bad one is taken back.",
            title="edgefleet demo",
            border_style="cyan",
        )
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="edgefleet-demo-")))
        leave = stack.enter_context(_interruptible())
        stack.enter_context(_quiet(folder / "cloud.log"))
        console.rule("[bold]1  A model becomes a package")
        packages, data = make_packages(console)
        _tell_package(console, packages["1.0.0"])
        console.rule(f"[bold]2  A cloud and {_CAMERAS} cameras")
        websocket_port = free_port("127.0.0.1", besides=[http_port, mqtt_port])
        service = stack.enter_context(
            CloudService(
                CloudConfig(
                    data=folder / "cloud",
                    fleet="demo",
                    http_port=http_port,
                    mqtt_port=mqtt_port,
                    websocket_port=websocket_port,
                    page=folder / "page",
                    interval_s=_INTERVAL_S,
                    device_window_s=round(_INTERVAL_S),
                    live_s=_LIVE_S,
                    lease_s=20.0,
                )
            )
        )
        cloud = stack.enter_context(Cloud(service.url, program="demo", token=""))
        cloud.push(packages["1.0.0"])
        console.print(f"  dashboard [link={service.url}]{service.url}[/link]", highlight=False)
        images = save_images(folder / "field.npz", data)
        cameras = stack.enter_context(_cameras(folder, service.broker_url, images))
        story = Story(console, service=service, cloud=cloud, cameras=cameras, packages=packages)
        story.bring_up()
        story.close_the_loop()
        console.rule("[bold]3  Some lenses get dirty")
        story.drift()
        console.rule("[bold]4  digits 1.1.0: shadow, then canary 10 % - 50 % - 100 %")
        story.good_rollout()
        console.rule("[bold]5  digits 1.2.0 is bad, and nobody has noticed yet")
        story.bad_rollout()
        console.rule("[bold]6  Is every row there, once?")
        numbers = story.settle()
        checks = _checks(story, numbers)
        _closing(console, story, numbers, checks)
        if not once:
            where = folder / "page"
            bring_page(console, where, url=service.url, websocket_port=websocket_port)
            _stay(console, service, cameras, leave)
    line = _last_line(story, numbers, time.monotonic() - began_s)
    print(json.dumps(line), flush=True)  # noqa: T201  the result, for scripts
    return 0 if all(checks.values()) else 1


def _cameras(folder: Path, cloud: str, images: Path) -> Cameras:
    return Cameras(
        [
            Camera(
                f"cam-{number:02}",
                folder / f"cam-{number:02}",
                images=images,
                cloud=cloud,
                rate_hz=RATE_HZ,
            )
            for number in range(1, _CAMERAS + 1)
        ]
    )


def _checks(story: Story, numbers: dict[str, object]) -> dict[str, bool]:
    """Return what the demo promises, and whether it held."""
    facts = story.facts
    canaries = facts.rollouts[-1].exposed
    return {
        "every observed row was merged, none twice": numbers["rows_observed"]
        == numbers["rows_merged"]
        == numbers["rows_counted_by_agents"],
        "every batch was merged once": numbers["batches_sent"] == numbers["batches_merged"],
        "no prediction failed": numbers["predictions_failed"] == 0,
        "the drift alarm named the cameras with dirty lenses": facts.alarm_devices_right,
        "the estimate fell before any label came": facts.labels_when_alarmed == 0
        and facts.estimated_accuracy < facts.clean_accuracy,
        "the alarm led to a request for retraining, and 1.1.0 answered it": facts.loop_closed,
        "1.1.0 was promoted by shadow and canary": facts.rollouts[0].outcome == "succeeded",
        "1.2.0 was rolled back by itself": facts.rollouts[-1].outcome == "rolled_back",
        "no camera outside the canary ever ran 1.2.0": story.strangers("1.2.0") <= canaries
        and 0 < len(canaries) <= len(story_cameras(numbers)) // 10,
        "a camera and the broker were killed on the way": bool(facts.killed)
        and facts.broker_restarts == 1,
    }


def story_cameras(numbers: dict[str, object]) -> range:
    """Return one item per device."""
    devices = numbers["devices"]
    return range(devices if isinstance(devices, int) else 0)


def _tell_package(console: Console, package: Package) -> None:
    """Show what the conversion proved."""
    table = Table(box=None, show_header=False, padding=(0, 2))
    parity = package.manifest.evidence.parity
    outputs = parity["outputs"]
    for name, found in outputs.items() if isinstance(outputs, Mapping) else ():
        if isinstance(found, Mapping):
            table.add_row(
                f"parity of {name}",
                f"{found['unequal_rows']} of {parity['rows']} rows differ",
                f"largest difference {found['largest_absolute_difference']:.1e}",
            )
    quality = package.manifest.evidence.quality
    table.add_row(
        "quality on held-out scans",
        *(f"{name} {quality[name]:.3f}" for name in ("accuracy", "f1")),
    )
    console.print(table)
    console.print(f"  [green]✓[/] {package.file_name}, {package.digest[:19]}", highlight=False)


def _closing(
    console: Console, story: Story, numbers: dict[str, object], checks: dict[str, bool]
) -> None:
    table = Table(title="What happened", title_justify="left")
    table.add_column("")
    table.add_column("", justify="right")
    for name in ("predictions", "predictions_failed", "rows_observed", "rows_merged"):
        table.add_row(name.replace("_", " "), f"{numbers[name]:,}")
    table.add_row(
        "batches sent / merged", f"{numbers['batches_sent']} / {numbers['batches_merged']}"
    )
    table.add_row("drift alarm after", f"{story.facts.drift_alarm_s} s")
    table.add_row(
        "accuracy under drift, estimated / true",
        f"{story.facts.estimated_accuracy:.3f} / {story.facts.true_accuracy:.3f}",
    )
    for rollout in story.facts.rollouts:
        table.add_row(
            f"{rollout.version} by {rollout.strategy}",
            f"{rollout.outcome}, {rollout.devices_exposed} devices, {rollout.seconds:.0f} s",
        )
    console.print(table)
    for promise, held in checks.items():
        console.print(f"  {'[green]✓' if held else '[red]✗'}[/] {promise}", highlight=False)


def _stay(
    console: Console, service: CloudService, cameras: Cameras, leave: threading.Event
) -> None:
    cameras.tell("resume")
    console.print(
        Panel(
            f"The fleet stays up. Dashboard: {service.url}\n\n"
            f"export EDGEFLEET_CLOUD={service.url}\n"
            "edgefleet fleet list\n"
            "edgefleet fleet command ping\n"
            "edgefleet model show digits@1.1.0\n"
            "edgefleet alarms\n"
            "edgefleet report digits@1.0.0 --since 10m --html digits.html\n"
            "edgefleet rollout status\n\n"
            "Ctrl-C ends it.",
            border_style="cyan",
        )
    )
    with suppress(KeyboardInterrupt):
        leave.wait()
    console.print("leaving")


def _last_line(story: Story, numbers: dict[str, object], seconds: float) -> dict[str, object]:
    facts = story.facts
    return {
        **numbers,
        "drift_alarm_s": facts.drift_alarm_s,
        "estimated_accuracy": round(facts.estimated_accuracy, 4),
        "true_accuracy": round(facts.true_accuracy, 4),
        "rollouts": [
            {
                "name": rollout.name,
                "version": rollout.version,
                "strategy": rollout.strategy,
                "outcome": rollout.outcome,
                "devices_exposed": rollout.devices_exposed,
                "seconds": rollout.seconds,
            }
            for rollout in facts.rollouts
        ],
        "seconds": round(seconds, 1),
    }


@contextmanager
def _quiet(path: Path) -> Iterator[None]:
    """Keep the cloud's log and the libraries' warnings out of the story; the log is in a file."""
    logger = logging.getLogger("edgefleet")
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # 600 scans are few for a reference, and known to be
            yield
    except EdgeError:
        lines = path.read_text(encoding="utf-8").splitlines()
        sys.stderr.write("\n".join(["the cloud's last words:", *lines[-20:], ""]))
        raise
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        handler.close()


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Let the first Ctrl-C or SIGTERM interrupt; further ones do not disturb the cleaning up."""
    leave = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def on_signal(_number: int, _frame: object) -> None:
        if leave.is_set():
            return
        leave.set()
        raise KeyboardInterrupt

    for number in before:
        signal.signal(number, on_signal)
    try:
        yield leave
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
