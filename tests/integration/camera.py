"""Cameras as applications are: a real process whose agents predict row after row.

Run as ``python -m tests.integration.camera``. It obeys lines on standard input (``pause``,
``resume``, ``stop``) and ends when that is closed. Every device keeps its own tally of what
``predict`` returned, apart from everything that its agent counts, in a file that survives kill -9;
in a pause it also writes down what its agent counted.
"""

import argparse
import logging
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from edge_agent.agent import Agent
from edge_contract.errors import EdgeError
from edgefleet.demo.camera import settle
from edgefleet.demo.tally import TallyFile

__all__ = ["main"]

_log = logging.getLogger("tests.camera")


class Orders:
    """What the test told this process last."""

    def __init__(self) -> None:
        self.paused = False
        self.stop = threading.Event()

    def listen(self) -> None:
        for line in sys.stdin:
            match line.strip():
                case "pause":
                    self.paused = True
                case "resume":
                    self.paused = False
                case "stop":
                    break
        self.stop.set()


def main() -> None:
    parser = argparse.ArgumentParser(prog="camera")
    parser.add_argument("--model", required=True)
    parser.add_argument("--broker", required=True)
    parser.add_argument("--devices", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate-hz", type=float, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--outbox-bytes", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(threadName)s %(message)s",
    )
    orders = Orders()
    threading.Thread(target=orders.listen, daemon=True).start()
    devices = options.devices.split(",")
    agents = [
        Agent(
            options.model,
            cloud=options.broker,
            device=device,
            state=options.folder / device,
            interval_s=options.interval,
            ack_timeout_s=1.0,
            outbox_bytes=options.outbox_bytes,
        )
        for device in devices
    ]
    filming = [
        threading.Thread(
            target=film, args=(agent, orders, options.folder / agent.device, 1.0 / options.rate_hz)
        )
        for agent in agents
    ]
    for thread in filming:
        thread.start()
    for thread in filming:
        thread.join()
    close_all(agents)


def film(agent: Agent, orders: Orders, folder: Path, period_s: float) -> None:
    """Predict one row each period, and count it before and after."""
    tally = TallyFile(folder / "tally")
    settle(agent, tally)
    agent.wait_ready()
    rng = np.random.default_rng()
    next_s = time.monotonic()
    while not orders.stop.wait(max(next_s - time.monotonic(), 0.0)):
        next_s = max(next_s + period_s, time.monotonic() - 1.0)
        if orders.paused:
            note(agent, folder)
            continue
        before = tally.value
        tally.value = before._replace(started=before.started + 1)
        try:
            agent.predict(rng.normal(size=(1, 4)).astype(np.float32))
        except EdgeError:
            _log.exception("predict failed")
            tally.value = tally.value._replace(failed=before.failed + 1)
        else:
            tally.value = tally.value._replace(returned=before.returned + 1)
    tally.close()


def note(agent: Agent, folder: Path) -> None:
    """Write down what the agent counted: batches, rows, and batches that still wait."""
    counted = (agent.batches_saved(), agent.rows_observed(), agent.waiting_batches())
    new = folder / "counts.new"
    new.write_text(" ".join(map(str, counted)))
    new.replace(folder / "counts")


def close_all(agents: Sequence[Agent]) -> None:
    leaving = [threading.Thread(target=agent.close) for agent in agents]
    for thread in leaving:
        thread.start()
    for thread in leaving:
        thread.join()


if __name__ == "__main__":
    main()
