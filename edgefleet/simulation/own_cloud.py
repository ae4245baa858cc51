"""A cloud for one simulation: started on this machine, with a model of its own, and ended."""

import sys
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.listening import free_port
from edge_contract.errors import UnavailableError
from edge_contract.package import Package
from edgefleet.client import Cloud

__all__ = ["FIRST_VERSION", "OwnCloud", "simulated_package"]

FIRST_VERSION: Final = "1.0.0"
"""Which version devices begin with."""

_HOST: Final = "127.0.0.1"
_START_S: Final = 60.0
_ROWS: Final = 6_000


class OwnCloud:
    """One ``edgefleet cloud run`` in a process of its own, which ends with this one.

    Args:
        folder: For all its data.
        interval_s: Length of the devices' telemetry windows.
        store: URL of a PostgreSQL database; empty for a file in ``folder``.
    """

    def __init__(self, folder: Path, *, interval_s: float, store: str = "") -> None:
        self._folder = folder
        http, mqtt = free_port(_HOST), 0
        mqtt = free_port(_HOST, besides=[http])
        self.url = f"http://{_HOST}:{http}"
        self.broker_url = f"mqtt://{_HOST}:{mqtt}"
        self._process = ChildProcess(
            [
                *(sys.executable, "-m", "edgefleet", "cloud", "run"),
                *("--data", str(folder.absolute() / "data"), "--host", _HOST),
                *("--http-port", str(http), "--mqtt-port", str(mqtt)),
                *("--interval", str(interval_s), "--deltas-mb", "0", "--log-level", "warning"),
                *(("--store", store) if store else ()),
            ],
            folder,
            name="cloud",
        )

    @property
    def pid(self) -> int | None:
        """Process id of the cloud; ``None`` while it does not run."""
        return self._process.pid

    @property
    def broker_pid(self) -> int | None:
        """Process id of its broker."""
        try:
            return int((self._folder / "data" / "broker" / "pid").read_text())
        except (OSError, ValueError):
            return None

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self._process.output()

    def __enter__(self) -> "OwnCloud":
        """Start it; on return devices can connect and the API answers.

        Raises:
            UnavailableError: It does not start.
        """
        self._process.claim()
        try:
            self._process.start()
            self._wait_until_ready()
        except BaseException:
            self._process.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self._process.stop()

    def kill(self) -> None:
        """End it as ``kill -9`` does, its broker with it."""
        self._process.kill()

    def start_again(self) -> None:
        """Start it after :meth:`kill`, on the same ports and data; raises as entering does."""
        self._process.start()
        self._wait_until_ready()

    def push(self, packages: Iterable[Package]) -> None:
        """Put versions into its registry; the first one is what devices run."""
        with Cloud(self.url, program="simulate", token="", timeout_s=60.0) as cloud:
            for package in packages:
                cloud.push(package)

    def _wait_until_ready(self) -> None:
        import httpx

        ends_s = time.monotonic() + _START_S
        while time.monotonic() < ends_s:
            if self._process.exit_code is not None:
                raise UnavailableError(f"the cloud did not start: {self.log.strip()[-500:]}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=2.0).is_success:
                    return
            except httpx.TransportError:
                pass  # not yet
            time.sleep(0.1)
        raise UnavailableError(f"the cloud was not ready within {_START_S:.0f} s")


def simulated_package(model: str, version: str, *, features: int, seed: int) -> Package:
    """Return a small model of so many inputs; all versions of a seed have the same reference."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from edgefleet.converting import convert

    rows = np.random.default_rng(seed).normal(0.0, 1.0, (_ROWS, features)).astype(np.float32)
    truth = (rows[:, 0] + 0.5 * rows[:, -1] > 0).astype(int)
    fitted = LogisticRegression().fit(rows, truth)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody is helped by advice about a model that is made up
        return convert(
            fitted,
            rows,
            truth,
            name=model,
            version=version,
            feature_names=[f"x{number}" for number in range(features)],
            robustness=False,
            joint=0,
        )
