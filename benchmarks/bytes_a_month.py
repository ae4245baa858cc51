"""What a device costs on a metered link: bytes a month, idle and with statistics on."""

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.byte_meter import ByteMeter, Traffic
from benchmarks.harness import Figure, benchmark
from edgefleet import Agent
from edgefleet.simulation.own_cloud import OwnCloud, simulated_package

__all__ = ["bytes"]

_FEATURES: Final = 20
_MONTH_S: Final = 30 * 86_400.0
_SETTLE_S: Final = 5.0
_ROWS_A_WINDOW: Final = {"idle": 0, "60 rows a window": 60, "600 rows a window": 600}


@benchmark
def bytes(*, quick: bool, seed: int) -> Sequence[Figure]:  # noqa: A001  what it is called by
    """Count what real agents put on the wire in windows of a minute, keepalive and TCP included."""
    if sys.platform != "linux":
        return [Figure("bytes a month", None, "", peer="needs Linux, which counts TCP segments")]
    interval_s, windows = (5.0, 2) if quick else (60.0, 4)
    package = simulated_package("meter", "1.0.0", features=_FEATURES, seed=seed)
    figures: list[Figure] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cloud = stack.enter_context(OwnCloud(folder / "cloud", interval_s=interval_s))
        cloud.push([package])
        meters = {
            name: stack.enter_context(_metered(cloud, folder / f"device-{rows}", interval_s))
            for name, rows in _ROWS_A_WINDOW.items()
        }
        _settle(interval_s)
        before = {name: meter.traffic for name, (meter, _) in meters.items()}
        began_s = time.monotonic()
        rows = np.random.default_rng(seed).normal(0.0, 1.0, (600, _FEATURES)).astype(np.float32)
        _live(meters, rows, interval_s=interval_s, windows=windows)
        seconds = time.monotonic() - began_s
        for name, (meter, _) in meters.items():
            figures += _figures(name, meter.traffic.since(before[name]), seconds, interval_s)
    return figures


@contextmanager
def _metered(cloud: OwnCloud, state: Path, interval_s: float) -> Iterator[tuple[ByteMeter, Agent]]:
    with (
        ByteMeter(cloud.broker_url) as meter,
        Agent(
            "meter", cloud=meter.url, device=state.name, state=state, interval_s=interval_s
        ) as agent,
    ):
        agent.predict(np.zeros((1, _FEATURES), np.float32))  # its model has come
        yield meter, agent


def _settle(interval_s: float) -> None:
    """Wait until births, the first version and a first window are over."""
    time.sleep(2 * interval_s - time.time() % interval_s + 0.15 * interval_s + _SETTLE_S)


def _live(
    meters: "dict[str, tuple[ByteMeter, Agent]]",
    rows: NDArray[np.float32],
    *,
    interval_s: float,
    windows: int,
) -> None:
    """Let whole windows pass; ``rows``, float32[600, features], come evenly."""
    steps = 20
    for _ in range(windows * steps):
        for name, (_, agent) in meters.items():
            count = _ROWS_A_WINDOW[name] // steps
            if count:
                agent.predict(rows[:count])
        time.sleep(interval_s / steps)


def _figures(name: str, traffic: Traffic, seconds: float, interval_s: float) -> list[Figure]:
    month = _MONTH_S / seconds / 1e6
    how = f"{seconds:.0f} s in windows of {interval_s:g} s"
    return [
        Figure(f"{name}: a month on the wire", traffic.wire_bytes * month, "MB", peer=how),
        Figure(f"{name}: of it MQTT", traffic.payload_bytes * month, "MB"),
        Figure(f"{name}: a window", traffic.wire_bytes * interval_s / seconds, "bytes"),
        Figure(f"{name}: TCP segments a window", traffic.segments * interval_s / seconds, "1"),
    ]
