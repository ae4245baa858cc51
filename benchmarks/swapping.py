"""Swaps of versions under load: what they cost callers, and whether every call is accounted for."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_contract.errors import UnavailableError
from edge_contract.messages import Assignment, DesiredState, Target, encode
from edge_contract.package import Package, Role

__all__ = ["Accounts", "Updates", "paced_latencies", "predict_through_swaps"]

_SWAP_S: Final = 60.0


class Updates:
    """Tells an agent what the cloud wants of it, as the broker would.

    Args:
        agent: Without a cloud: packages are put into its store by hand.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._generation = 0

    def swap_to(self, package: Package, *, trial_calls: int = 0) -> float:
        """Update to a version and return how many seconds that took.

        Args:
            package: The version.
            trial_calls: How many calls its trial lasts.

        Raises:
            UnavailableError: It does not serve within a minute.
        """
        self._agent._parts.packages.add(package)
        self._generation += 1
        core = self._agent._parts.core
        target = Target(package.manifest.version, package.digest, trial_calls=trial_calls)
        desired = DesiredState(
            self._generation, {self._agent.model: Assignment(target)}, "http://127.0.0.1:1"
        )
        began_s = time.monotonic()
        self._agent._shell.on_message(core.topics.desired, encode(desired))
        while self._agent.version != package.manifest.version or core.deployers.on_trial:
            if time.monotonic() - began_s > _SWAP_S:
                raise UnavailableError(f"{package.manifest.reference} does not serve")
            time.sleep(0.005)
        return time.monotonic() - began_s


@dataclass(frozen=True, slots=True)
class Accounts:
    """What became of the calls of a run.

    Attributes:
        calls: Made.
        failed: Raised an error.
        wrong: Said what the version that they name would not have said.
        miscounted: Difference between calls by version as callers saw them and rows by version in
            the agent's telemetry, added up.
        swaps: Made meanwhile.
        seconds: It took.
    """

    calls: int
    failed: int
    wrong: int
    miscounted: int
    swaps: int
    seconds: float


def predict_through_swaps(
    first: Package,
    second: Package,
    rows: NDArray[np.float32],
    *,
    calls: int,
    swaps: int,
    threads: int = 8,
) -> Accounts:
    """Predict single rows from some threads while an agent is updated to and fro.

    Calls go on until both ``calls`` were made and ``swaps`` were.
    """
    answers = {package.digest: _labels(package, rows) for package in (first, second)}
    asked: list[Counter[str]] = [Counter() for _ in range(threads)]
    failed, wrong = [0] * threads, [0] * threads
    is_swapping = threading.Event()
    is_swapping.set()

    with TemporaryDirectory() as folder:
        with Agent(first, state=folder, interval_s=1.0) as agent:
            agent.wait_ready()
            updates = Updates(agent)

            def predict(worker: int) -> None:
                made = 0
                while made < calls // threads or is_swapping.is_set():
                    place = (worker + threads * made) % len(rows)
                    made += 1
                    try:
                        prediction = agent.predict(rows[place : place + 1])
                    except Exception:  # noqa: BLE001  whatever it is, it is a failed prediction
                        failed[worker] += 1
                        continue
                    asked[worker][prediction.digest] += 1
                    if prediction.labels != answers[prediction.digest][place]:
                        wrong[worker] += 1

            began_s = time.perf_counter()
            with ThreadPoolExecutor(threads) as pool:
                workers = [pool.submit(predict, worker) for worker in range(threads)]
                try:
                    for number in range(swaps):
                        updates.swap_to(first if number % 2 else second)
                finally:
                    is_swapping.clear()
                for future in workers:
                    future.result()
            seconds = time.perf_counter() - began_s
        counted = _rows_by_package(Path(folder))
    total = sum(asked, Counter())
    return Accounts(
        calls=total.total() + sum(failed),
        failed=sum(failed),
        wrong=sum(wrong),
        miscounted=sum(abs(total[d] - counted[d]) for d in total.keys() | counted.keys()),
        swaps=swaps,
        seconds=seconds,
    )


def paced_latencies(
    agent: Agent, rows: NDArray[np.float32], stop: threading.Event
) -> NDArray[np.float64]:
    """Ask for a row each millisecond until told to stop; return seconds from when it was due."""
    taken: list[float] = []
    due_s = time.perf_counter()
    number = 0
    while not stop.is_set():
        place = number % len(rows)
        number += 1
        agent.predict(rows[place : place + 1])
        now_s = time.perf_counter()
        taken.append(now_s - due_s)
        due_s += 0.001
        if due_s > now_s:
            time.sleep(due_s - now_s)
    return np.array(taken)


def _labels(package: Package, rows: NDArray[np.float32]) -> NDArray[np.generic]:
    with Agent(package) as agent:
        labels = agent.predict(rows).labels
    if labels is None:
        raise UnavailableError(f"{package.manifest.reference} predicts no classes")
    return labels


def _rows_by_package(state: Path) -> Counter[str]:
    store = SqliteBatchStore(state / "agent.db")
    counted: Counter[str] = Counter()
    for batch in store.batches():
        for entry in batch.entries:
            if entry.role == Role.PRIMARY:
                counted[entry.package] += entry.counters.rows
    store.close()
    return counted
