"""One camera of the demo: a real process with a real agent, predicting scans that no model saw.

Run by the demo as ``python -m edgefleet.demo.camera``. It obeys lines on its standard input
(``dirty LEVEL``, ``labels FRACTION``, ``pause``, ``resume``, ``stop``) and ends when that is
closed, so that none is left behind when the demo dies.
"""

import argparse
import logging
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Final

import numpy as np

from edge_agent.agent import Agent
from edge_contract.errors import EdgeError
from edgefleet.demo.digits import dirty_lens, sensor_noise
from edgefleet.demo.tally import TallyFile

__all__ = ["main"]

_log = logging.getLogger("edgefleet.camera")

_LABEL_DELAY: Final = 40  # frames until a person has looked at one


class Orders:
    """What the demo told this camera last."""

    def __init__(self) -> None:
        self.dirty = 0.0
        self.labelled = 0.0
        self.paused = False
        self.stop = threading.Event()

    def listen(self) -> None:
        """Obey standard input until it ends."""
        for line in sys.stdin:
            match line.split():
                case ["dirty", level]:
                    self.dirty = float(level)
                case ["labels", fraction]:
                    self.labelled = float(fraction)
                case ["pause"]:
                    self.paused = True
                case ["resume"]:
                    self.paused = False
                case ["stop"]:
                    break
        self.stop.set()


def main() -> None:
    """Predict frame after frame until told to stop."""
    parser = argparse.ArgumentParser(prog="camera")
    parser.add_argument("--name", required=True)
    parser.add_argument("--cloud", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--rate-hz", type=float, required=True)
    parser.add_argument("--dirty", type=float, default=0.0)
    options = parser.parse_args()
    logging.basicConfig(
        filename=options.state / "camera.log",
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    orders = Orders()
    orders.dirty = options.dirty
    threading.Thread(target=orders.listen, daemon=True).start()
    with np.load(options.images) as field:
        images, labels = field["images"], field["labels"]
    agent = Agent(
        "digits",
        cloud=options.cloud,
        device=options.name,
        fleet="demo",
        state=options.state,
        interval_s=2.0,
        ack_timeout_s=3.0,
    )
    tally = TallyFile(options.state / "tally")
    settle(agent, tally)
    agent.wait_ready(60.0)
    counts = options.state / "counts"
    film(agent, orders, tally, counts, images=images, labels=labels, rate_hz=options.rate_hz)
    agent.close(drain_s=15.0)


def settle(agent: Agent, tally: TallyFile) -> None:
    """After a kill: find out whether the call under way had been observed."""
    value = tally.value
    if value.started == value.returned + value.failed:
        return
    observed = agent.rows_observed()
    if observed > value.returned:
        tally.value = value._replace(returned=value.returned + 1)
    else:
        tally.value = value._replace(started=value.started - 1)


def film(
    agent: Agent,
    orders: Orders,
    tally: TallyFile,
    counts: Path,
    *,
    images: "np.ndarray[tuple[int, int], np.dtype[np.float32]]",
    labels: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    rate_hz: float,
) -> None:
    """Take ``rate_hz`` pictures a second and predict each; in a pause tell what the agent counted.

    ``counts`` then holds the agent's own numbers of batches and rows.
    """
    rng = np.random.default_rng()
    waiting: deque[tuple[str, int]] = deque()
    next_s = time.monotonic() + rng.uniform(0.0, 1.0 / rate_hz)
    while not orders.stop.wait(max(next_s - time.monotonic(), 0.0)):
        next_s = max(next_s + 1.0 / rate_hz, time.monotonic() - 1.0)
        if orders.paused:
            new = counts.with_suffix(".new")
            new.write_text(f"{agent.batches_saved()} {agent.rows_observed()}")
            new.replace(counts)  # the demo never reads half of it
            continue
        chosen = int(rng.integers(len(images)))
        dirty = orders.dirty
        scene = images[chosen : chosen + 1]
        picture = sensor_noise(dirty_lens(scene, dirty) if dirty else scene, rng)
        before = tally.value
        tally.value = before._replace(started=before.started + 1)
        try:
            prediction = agent.predict(picture)
        except EdgeError:
            _log.exception("predict failed")
            tally.value = tally.value._replace(failed=before.failed + 1)
            continue
        right = int(prediction.labels is not None and prediction.labels[0] == labels[chosen])
        counted = {
            "dirty" if dirty else "clean": (before.dirty if dirty else before.clean) + 1,
            "dirty_right" if dirty else "clean_right": (
                before.dirty_right if dirty else before.clean_right
            )
            + right,
        }
        tally.value = tally.value._replace(returned=before.returned + 1, **counted)
        if rng.random() < orders.labelled:
            waiting.append((prediction.id, int(labels[chosen])))
        if len(waiting) > _LABEL_DELAY * orders.labelled:
            agent.label(*waiting.popleft())


if __name__ == "__main__":
    main()
