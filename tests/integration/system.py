"""A cloud, its broker and its cameras; what can happen to them, and whether every row arrives."""

import os
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from edgefleet.demo.tally import Tally
from tests.integration.processes import Cameras, CloudProcess, eventually
from tests.support.brokers import MosquittoBroker

__all__ = ["Ledger", "System", "read_ledger", "rows_by_device"]

_TALLY: Final = "SELECT coalesce(sum(value), 0) FROM tally WHERE name = '{}'"
_ROWS: Final = "SELECT coalesce(sum(rows), 0) FROM {} WHERE role = 'primary'"


class Ledger(NamedTuple):
    """What the warehouse's file holds.

    Attributes:
        rows: By windows of the fleet.
        device_rows: The same by devices.
        batches: Merged ones.
        lost_rows: Rows that devices had to forget.
        refused: Messages.
    """

    rows: int
    device_rows: int
    batches: int
    refused: int
    lost_rows: int = 0


def read_ledger(data: Path) -> Ledger:
    """Read the file beside the cloud, as a backup or a curious person would."""
    with closing(sqlite3.connect(f"file:{data / 'warehouse.sqlite3'}?mode=ro", uri=True)) as db:

        def number(query: str) -> int:
            found: int = db.execute(query).fetchone()[0]
            return found

        return Ledger(
            rows=number(_ROWS.format("fleet_window")),
            device_rows=number(_ROWS.format("device_total")),
            batches=number(_TALLY.format("batches")),
            lost_rows=number(_TALLY.format("lost_rows")),
            refused=number("SELECT coalesce(sum(count), 0) FROM refusal"),
        )


def rows_by_device(data: Path, digest: str) -> dict[str, int]:
    """Rows that devices served with a package, by device; those without any are left out."""
    with closing(sqlite3.connect(f"file:{data / 'warehouse.sqlite3'}?mode=ro", uri=True)) as db:
        query = "SELECT device, rows FROM device_total WHERE role = 'primary' AND package = ?"
        return {device: rows for device, rows in db.execute(query, (digest,)) if rows}


class System:
    """One cloud with its broker and cameras; leaving the ``with`` block ends every process.

    Args:
        folder: For everything.
        broker: A mosquitto that runs already; ``None`` for the broker that the cloud brings.
    """

    def __init__(self, folder: Path, broker: MosquittoBroker | None = None) -> None:
        self.folder = folder
        self._broker = broker
        self.cloud = CloudProcess(folder, broker=broker.url if broker else "")
        self.cameras: list[Cameras] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(self.cloud)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def film(self, devices: Sequence[str]) -> None:
        """Let cameras join, each a process of its own, and wait until their rows are merged."""
        for device in devices:
            cameras = Cameras(self.folder / "devices", [device], broker=self.cloud.broker_url)
            self.cameras.append(self._stack.enter_context(cameras))
        eventually("cameras predict", lambda: all(c.tally.returned for c in self.cameras))
        eventually("rows arrive", lambda: self.cloud.client.summary().rows_merged)

    @property
    def tally(self) -> Tally:
        """What ``predict`` did on all devices."""
        return Tally(
            *(sum(column) for column in zip(*(c.tally for c in self.cameras), strict=True))
        )

    def after(self, rows: int) -> None:
        """Wait until the cameras have predicted so many rows more."""
        target = self.tally.returned + rows
        eventually(f"{rows} more rows are predicted", lambda: self.tally.returned >= target)

    def kill_cloud(self) -> None:
        """End the cloud as a crash would; a broker of its own dies with it."""
        self.cloud.kill9()

    def kill_broker(self) -> None:
        """End the broker as a crash would."""
        if self._broker is not None:
            self._broker.kill9()
            return
        pid = self.cloud.broker_pid
        assert pid is not None, "the cloud has no broker"
        os.kill(pid, signal.SIGKILL)
        eventually(
            "the cloud restarts its broker", lambda: self.cloud.broker_pid not in (pid, None)
        )

    def restart_broker(self) -> None:
        """Start a broker again that nobody else looks after."""
        if self._broker is not None:
            self._broker.restart()

    def settle(self) -> Tally:
        """Pause all cameras, wait until everything has arrived, and return what was predicted."""
        for cameras in self.cameras:
            cameras.pause()
        told = self.tally
        assert told.started == told.returned + told.failed, "a call is under way in a pause"
        client = self.cloud.client
        eventually(
            f"all {told.returned} rows are merged",
            lambda: client.summary().rows_merged >= told.returned or None,
            within_s=45.0,  # a link that failed often waits up to half a minute
        )
        eventually("no outbox holds anything", lambda: self._waiting() == 0)
        return told

    def batches_saved(self) -> int:
        """Return how many batches the agents ever made; only in a pause."""
        return sum(cameras.counts.batches for cameras in self.cameras if cameras.counts)

    def rows_counted(self) -> int:
        """Return how many rows the agents counted themselves; only in a pause."""
        return sum(cameras.counts.rows for cameras in self.cameras if cameras.counts)

    def _waiting(self) -> int:
        counts = [cameras.counts for cameras in self.cameras]
        return sum(one.waiting if one else 1 for one in counts)
