"""``agent.predict`` with monitoring on, against onnxruntime alone and the source frameworks."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Figure, benchmark
from benchmarks.inference_footprint import footprints
from benchmarks.inference_latency import latencies, saturated
from benchmarks.inference_models import MODELS, Model, forest, logistic_regression
from benchmarks.swapping import Updates, paced_latencies, predict_through_swaps
from edge_agent.agent import Agent
from edge_contract.package import Package

__all__ = ["inference"]

_BATCHES: Final = (1, 32, 1024)
_MANY: Final = 100_000
_MANY_PICTURES: Final = 5_000
_LARGE: Final = 31_000
"""Rows that a forest of 100 trees of about 31 MB grows on."""


@benchmark
def inference(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Time calls, fresh processes and swaps; ratios to the same model without an agent."""
    seconds = 0.2 if quick else 6.0
    figures: list[Figure] = []
    small = MODELS[0](seed)
    for make in MODELS[:1] if quick else MODELS:
        model = make(seed)
        largest = _MANY if model.source else _MANY_PICTURES
        batches = _BATCHES if quick else (*_BATCHES, largest)
        figures += latencies(model, batches, seconds=seconds)
    for batch in (1, 1024):
        figures += saturated(small, batch, seconds=seconds / 10, rounds=1 if quick else 5)
    large = forest(seed, trees=10 if quick else 100, rows=1000 if quick else _LARGE)
    processes = 1 if quick else 9
    figures += footprints(small, processes=processes, memory_target_mb=65.0)
    figures += footprints(large, processes=processes, memory_target_mb=180.0)
    figures += _swaps(large, swaps=2 if quick else 20)
    return [*figures, *_accounts(small, calls=2_000 if quick else 1_000_000, quick=quick)]


def _swaps(model: Model, *, swaps: int) -> list[Figure]:
    """Ask for a row each millisecond, first in peace, then while versions are swapped."""
    # A device keeps two versions ready; of three in turn, each has to be loaded.
    versions = [model.package, *(_versioned(model.package, f"1.{n}.0") for n in (1, 2))]
    with Agent(model.package) as agent, ThreadPoolExecutor(1) as caller:
        agent.wait_ready()
        updates = Updates(agent)
        peace = _observed(agent, model.rows, caller, lambda: time.sleep(0.5 * swaps))
        swap_s: list[float] = []

        def swap() -> None:
            for number in range(1, swaps + 1):
                swap_s.append(updates.swap_to(versions[number % 3], trial_calls=20))
                time.sleep(0.2)

        swapped = _observed(agent, model.rows, caller, swap)
    what = f"{model.name}, {len(model.package.model()) / 1e6:.0f} MB, a row each ms"
    figures = [Figure(f"{what}: median time of a swap", float(np.median(swap_s)), "s")]
    for name, found, targets in (
        ("in peace", peace, (None, None)),
        (f"through {swaps} swaps", swapped, (1.0, 5.0)),
    ):
        for percentile, target in zip((99.0, 99.9), targets, strict=True):
            value = float(np.percentile(found, percentile)) * 1e3
            figures.append(Figure(f"{what}, {name}: p{percentile:g}", value, "ms", target))
    return figures


def _accounts(model: Model, *, calls: int, quick: bool) -> list[Figure]:
    accounts = predict_through_swaps(
        model.package,
        _versioned(logistic_regression(is_reversed=True).package, "1.1.0"),
        model.rows,
        calls=calls,
        swaps=2 if quick else 100,
    )
    what = f"{accounts.calls} calls from 8 threads through {accounts.swaps} swaps"
    return [
        Figure(f"{what}: a second", accounts.calls / accounts.seconds, "1/s"),
        Figure(f"{what}: failed", float(accounts.failed), "", 0.0),
        Figure(f"{what}: not what their version says", float(accounts.wrong), "", 0.0),
        Figure(f"{what}: not counted for their version", float(accounts.miscounted), "", 0.0),
    ]


def _observed(
    agent: Agent, rows: NDArray[np.float32], caller: ThreadPoolExecutor, action: Callable[[], None]
) -> NDArray[np.float64]:
    """Return the seconds that calls took while something went on."""
    stop = threading.Event()
    latencies_s = caller.submit(paced_latencies, agent, rows, stop)
    try:
        action()
    finally:
        stop.set()
    return latencies_s.result()


def _versioned(package: Package, version: str) -> Package:
    """Return the same under another version, and so another digest."""
    return Package.verified(replace(package.manifest, version=version).to_bytes(), package.files)
