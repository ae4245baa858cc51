"""A device that is out of reach for days, on a virtual clock: its real core and its real store.

It counts rows window after window, is restarted once a day, and its clock goes wrong. Then the link
comes back, and a real collector merges what it has.
"""

import math
import tracemalloc
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.increments import Life, Tally
from cloud_sync.core.seen import Marks
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import (
    CollectWindows,
    DeleteBatches,
    Effect,
    Log,
    PublishBatch,
    SaveBatches,
    SaveState,
    SendEvent,
)
from edge_contract.messages import TelemetryBatch, WindowEntry, encode
from tests.support.agent_outbox import batch_in
from tests.support.telemetry import counting_package, facts_of, window_of

__all__ = ["OfflineWeek", "Outcome", "live_offline"]

_START_UNIX_S: Final = 1_800_000_000.0
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a time out of reach came to.

    Attributes:
        rows: Rows that the device counted.
        windows: Windows in which it did.
        merged_rows: Rows that the collector merged.
        lost_rows: Rows that the device says it had to forget.
        repeated: Batches that came to the collector twice, and were merged once.
        longest_window_s: Of those that arrived.
        largest_outbox_bytes: At any time.
        largest_file_bytes: Of the store, with its log.
        memory_growth_bytes: Of the device's side, from the first day's end to the highest point.
        left: Batches that are still waiting after the reconnect.
        told: What the agent's log says.
    """

    rows: int
    windows: int
    merged_rows: int
    lost_rows: int
    repeated: int
    longest_window_s: float
    largest_outbox_bytes: int
    largest_file_bytes: int
    memory_growth_bytes: int
    left: int
    told: tuple[str, ...]


def live_offline(
    folder: Path,
    *,
    days: int,
    interval_s: float,
    outbox_bytes: int,
    restarts: bool,
    features: int = 4,
) -> Outcome:
    """Return what so many days without a network come to, and the reconnect after them.

    Args:
        folder: For the store; best in memory.
        days: How long.
        interval_s: Length of a window.
        outbox_bytes: Bound of the outbox.
        restarts: Whether the agent is restarted once a day.
        features: Columns of the rows.
    """
    device = OfflineWeek(folder, interval_s, outbox_bytes, features)
    first_bytes = 0
    tracemalloc.start()
    try:
        for day in range(days):
            device.live(until_s=(day + 1) * _DAY_S)
            if restarts:
                device.restart()
            if day == 0:
                tracemalloc.reset_peak()
                first_bytes = tracemalloc.get_traced_memory()[0]
        grown_bytes = tracemalloc.get_traced_memory()[1] - first_bytes
    finally:
        tracemalloc.stop()
    device.reconnect()
    return device.outcome(grown_bytes)


class OfflineWeek:
    """One device and, when it can be reached again, one collector."""

    def __init__(self, folder: Path, interval_s: float, outbox_bytes: int, features: int) -> None:
        self._path = folder / "agent.db"
        self._package = counting_package(features=features)
        self._facts = facts_of(self._package)
        self._config = AgentConfig(
            fleet="f1",
            device="cam-7",
            models=("digits",),
            interval_s=interval_s,
            outbox_bytes=outbox_bytes,
        )
        self._features = features
        self._now_s = 0.0
        self._online = False
        self._rows = self._windows = self._largest_outbox = self._largest_file = 0
        self._window_began_s = 0.0
        self._told: list[str] = []
        self._sent: list[TelemetryBatch] = []
        self._longest_s = 0.0
        self._merged = self._lost = self._repeated = 0
        self._marks: dict[Life, Marks] = {}
        self._collector = Collector(
            CollectorConfig(max_batches=64),
            packages={self._package.digest: self._facts}.get,
            marks=lambda life: self._marks.get(life, Marks()),
            is_known=lambda _device: True,
        )
        self._start()

    # What happens.

    def live(self, *, until_s: float) -> None:
        """Let time pass."""
        while self._core.wake_at_s <= until_s:
            self._now_s = self._core.wake_at_s
            self._carry_out(self._core.on_timer(self._now_s, self._wall_unix_s))
        self._now_s = until_s

    def restart(self) -> None:
        """Leave and begin anew, as after an update of the system."""
        self._carry_out(self._core.on_close())
        self._store.close()
        self._start()

    def reconnect(self) -> None:
        """From now on the link and the collector are there."""
        self._online = True
        self._carry_out(self._core.on_connected(self._now_s))
        for _ in range(100_000):
            sent, self._sent = self._sent, []
            for batch in (*sent, *sent[:1]):  # and one of them twice
                self._longest_s = max(
                    [self._longest_s, *(e.end_unix_s - e.start_unix_s for e in batch.entries)]
                )
                topic = self._core.topics.telemetry
                self._collector.on_telemetry(topic, encode(batch), self._wall_unix_s)
            self._commit()
            if not len(self._core.outbox):
                return
            self.live(until_s=self._now_s + 1.0)

    def outcome(self, grown_bytes: int) -> Outcome:
        """Return what it came to."""
        left = len(self._core.outbox)
        self._store.close()
        return Outcome(
            rows=self._rows,
            windows=self._windows,
            merged_rows=self._merged,
            lost_rows=self._lost,
            repeated=self._repeated,
            longest_window_s=self._longest_s,
            largest_outbox_bytes=self._largest_outbox,
            largest_file_bytes=self._largest_file,
            memory_growth_bytes=grown_bytes,
            left=left,
            told=tuple(dict.fromkeys(self._told)),
        )

    # The device.

    @property
    def _wall_unix_s(self) -> float:
        """What its clock shows: it gains a minute a day while nobody sets it."""
        return _START_UNIX_S + self._now_s * (1.0 + 60.0 / _DAY_S)

    def _start(self) -> None:
        self._store = SqliteBatchStore(self._path)
        self._core = AgentCore(
            self._config,
            self._store.next_boot(self._wall_unix_s),
            state=self._store.state(),
            restored=self._store.messages("cam-7"),
        )
        self._core.knows(self._package.digest, self._package.manifest, self._package.reference())
        self._carry_out(self._core.on_start(self._now_s, self._wall_unix_s))

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case CollectWindows():
                    entry = self._counted()
                    self._carry_out(self._core.on_windows([entry], {}, self._now_s))
                case SaveBatches():
                    self._store.save(effect.batches, effect.marks, effect.replaces)
                    self._carry_out(self._core.on_saved(effect, self._now_s))
                    self._measure()
                case DeleteBatches(batch_ids):
                    self._store.delete(batch_ids)
                case PublishBatch():
                    assert self._online
                    self._sent.append(batch_in(effect))
                case SaveState(state):
                    self._store.save_state(state)
                case Log(text=text):
                    self._told.append(text)
                case SendEvent():
                    pass
                case _:
                    raise AssertionError(f"unexpected {effect!r}")

    def _counted(self) -> WindowEntry:
        """Rows that follow the day: more at noon, and other values."""
        hour = self._now_s % _DAY_S / 3600.0
        count = 3 + round(2.0 * math.sin(hour / 24.0 * 2.0 * math.pi))
        rows = [
            [
                math.sin(self._windows + row + 7.0 * column) + hour
                for column in range(self._features)
            ]
            for row in range(count)
        ]
        length_s = self._now_s - self._window_began_s
        entry = window_of(
            rows,
            start_unix_s=self._wall_unix_s - length_s,
            length_s=length_s,
            package=self._facts,
        )
        self._window_began_s = self._now_s
        self._rows += count
        self._windows += 1
        return entry

    def _measure(self) -> None:
        files = [self._path, self._path.with_name("agent.db-wal")]
        size = sum(path.stat().st_size for path in files if path.exists())
        self._largest_file = max(self._largest_file, size)
        self._largest_outbox = max(self._largest_outbox, self._core.outbox.size_bytes)

    # The collector.

    def _commit(self) -> None:
        while (commit := self._collector.take_commit()) is not None:
            tally: Tally = commit.tally
            self._marks |= commit.marks
            self._merged += sum(found.counters.rows for found in commit.windows.values())
            self._lost += tally.lost_rows
            self._repeated += tally.repeated
            for _device, acks in self._collector.committed():
                self._carry_out(
                    self._core.on_message(
                        self._core.topics.acks,
                        encode(acks),
                        now_s=self._now_s,
                        at_unix_s=self._wall_unix_s,
                    )
                )
