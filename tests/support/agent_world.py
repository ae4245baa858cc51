"""A device, its disk, a link, and a collector, all in memory, and everything that befalls them.

The agent's core and the collector are the real ones. The disk keeps what a transaction has written
and nothing else; rows wait in a ring that outlives the process, as the memory-mapped one does.
"""

import enum
from collections.abc import Iterable, Mapping
from typing import Final

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.increments import Increment, Life
from cloud_sync.core.seen import Marks
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
from edge_contract.messages import CollectorState, decode, encode
from edge_contract.package import Package
from edge_contract.reading import JsonObject
from edge_contract.stats import Sketch
from tests.support.agent_disk import Disk, DiskFullError, PowerCutError
from tests.support.telemetry import counting_package, facts_of, window_of

__all__ = ["Fault", "World"]

START_UNIX_S: Final = 1_800_000_000.0
PACKAGE: Final[Package] = counting_package()
FACTS: Final = facts_of(PACKAGE)


class Fault(enum.Enum):
    """What may happen next. Those about messages and rows concern the ``n``-th of them."""

    OBSERVE = "the model answers n calls"
    WAIT = "n times a third of a window passes"
    DELIVER = "telemetry arrives, the n-th oldest first"
    REPEAT = "telemetry arrives and stays on the way"
    LOSE = "telemetry is lost"
    ACK = "an acknowledgement arrives"
    REPEAT_ACK = "an acknowledgement arrives and stays on the way"
    LOSE_ACK = "an acknowledgement is lost"
    COMMIT = "the collector writes and acknowledges"
    COMMIT_FAILS = "the collector's database refuses"
    KILL_COLLECTOR = "the collector dies with what is in its memory"
    KILL_BEFORE_ACK = "the collector dies between commit and acknowledgement"
    DEAF = "the collector says that it does not listen"
    LISTENS = "the collector says that it listens"
    LINK_DOWN = "the link breaks"
    LINK_UP = "the link comes back"
    DISK_FULL = "the device's disk refuses"
    DISK_OK = "the device's disk works again"
    POWER_CUT = "the device restarts"
    CUT_BEFORE_SAVE = "the device restarts just before its next transaction"
    CUT_AFTER_SAVE = "the device restarts just after its next transaction"
    CLOSE = "the agent is stopped in order and started again"


class Warehouse:
    """What the collector has written."""

    def __init__(self) -> None:
        self.marks: dict[Life, Marks] = {}
        self.total: Increment | None = None
        self.lost_rows = 0

    def add(self, windows: Iterable[Increment], marks: Mapping[Life, Marks], lost: int) -> None:
        self.marks |= marks
        self.lost_rows += lost
        for increment in windows:
            self.total = increment if self.total is None else self.total.merged(increment)

    def times_merged(self, row: int) -> int:
        """How often one row was counted."""
        if self.total is None:
            return 0
        sketch = self.total.profile[0]
        assert isinstance(sketch, Sketch)
        return sketch.counts.get(sketch.spec.code_of(_value(row)), 0)


def _value(row: int) -> float:
    """Each row has a value of its own, in a bucket of its own."""
    return float(2.0 ** (row - 120))


class World:
    """One device and one collector.

    Attributes:
        rows: Rows observed so far.
        up: Telemetry on the way.
        down: Acknowledgements on the way.
        logs: What the agent logged.
    """

    def __init__(self, outbox_bytes: int = 1_000_000) -> None:
        self._config = AgentConfig(
            fleet="f1",
            device="cam-7",
            models=("digits",),
            interval_s=60.0,
            outbox_bytes=outbox_bytes,
        )
        self.now_s = 0.0
        self.rows = 0
        self.disk = Disk()
        self.warehouse = Warehouse()
        self.up: list[tuple[str, bytes]] = []
        self.down: list[tuple[str, bytes]] = []
        self.logs: list[str] = []
        self._linked = False
        self._listening = True
        self._boot = 0
        self._start_collector()
        self._start_device()

    # The device.

    @property
    def _at_unix_s(self) -> float:
        return START_UNIX_S + self.now_s

    def _start_device(self) -> None:
        self._boot += 1
        self._linked = False
        self._taken = self.disk.marks.get("ring", (0,))[0]
        self.core = AgentCore(
            self._config, self._boot, state=self.disk.state, restored=self.disk.batches()
        )
        self.core.knows(PACKAGE.digest, PACKAGE.manifest, PACKAGE.reference())
        self._carry_out(self.core.on_start(self.now_s, self._at_unix_s))

    def _step(self, effects: Iterable[Effect]) -> None:
        """Carry out what an input asks for, as a shell does."""
        try:
            self._carry_out(effects)
        except DiskFullError:
            self.logs.append("disk full")
        except PowerCutError:
            self.disk.cuts_before_save = self.disk.cuts_after_save = False
            self._start_device()

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case CollectWindows():
                    self._collect()
                case SaveBatches():
                    self._save(effect)
                case DeleteBatches(batch_ids):
                    self.disk.delete(batch_ids)
                case PublishBatch(message=message):
                    assert decode(message) in self.disk.batches(), "a crash would forget it"
                    if self._linked:
                        self.up.append((self.core.topics.telemetry, message))
                case SaveState(state):
                    self._save_state(state)
                case Log(text=text):
                    self.logs.append(text)
                case SendEvent():
                    pass  # nobody listens to events here
                case _:
                    raise AssertionError(f"unexpected {effect!r}")

    def _collect(self) -> None:
        values = [(_value(row), 0.0) for row in range(self._taken, self.rows)]
        window = window_of(values, start_unix_s=self._at_unix_s - 60.0, length_s=60.0)
        marks = {"ring": (self.rows,)} if values else {}
        self._taken = self.rows
        self._carry_out(self.core.on_windows([window] if values else [], marks, self.now_s))

    def _save(self, save: SaveBatches) -> None:
        try:
            self.disk.save(save)
        except DiskFullError:
            self._carry_out(self.core.on_save_failed(save, "disk full", self.now_s))
        else:
            self._carry_out(self.core.on_saved(save, self.now_s))

    def _save_state(self, state: JsonObject) -> None:
        if self.disk.is_full:
            self._carry_out(self.core.on_state_save_failed("disk full", self.now_s))
        else:
            self.disk.state = state

    def _tick(self) -> None:
        if self.now_s >= self.core.wake_at_s:
            self._step(self.core.on_timer(self.now_s, self._at_unix_s))

    # The link.

    def _link_up(self) -> None:
        if not self._linked:
            self._linked = True
            self._step(self.core.on_connected(self.now_s))
            self._announce()

    def _link_down(self) -> None:
        if self._linked:
            self._linked = False
            self._step(self.core.on_disconnected())

    def _announce(self) -> None:
        """The collector's state is retained: who connects hears it, too."""
        if self._linked:
            state = encode(CollectorState(self._listening))
            self._hear(self.core.topics.collector_state, state)

    def _hear(self, topic: str, payload: bytes) -> None:
        if self._linked:
            self._step(
                self.core.on_message(topic, payload, now_s=self.now_s, at_unix_s=self._at_unix_s)
            )

    # The collector.

    def _start_collector(self) -> None:
        self._collector = Collector(
            CollectorConfig(max_batches=4),
            packages={PACKAGE.digest: FACTS}.get,
            marks=lambda life: self.warehouse.marks.get(life, Marks()),
            is_known=lambda _device: True,
        )

    def _commit(self, fault: Fault) -> None:
        commit = self._collector.take_commit()
        if commit is None:
            return
        if fault is Fault.COMMIT_FAILS:
            self._collector.failed()
            return
        self.warehouse.add(commit.windows.values(), commit.marks, commit.tally.lost_rows)
        if fault is Fault.KILL_BEFORE_ACK:
            self._start_collector()
            return
        for _device, acks in self._collector.committed():
            if self._linked:
                self.down.append((self.core.topics.acks, encode(acks)))

    # What happens.

    def suffer(self, fault: Fault, n: int) -> None:  # noqa: C901, PLR0912  one case each
        match fault:
            case Fault.OBSERVE:
                self.rows += n
            case Fault.WAIT:
                self.now_s += 20.0 * n
            case Fault.DELIVER | Fault.REPEAT | Fault.LOSE if self.up:
                self._arrive(fault, n % len(self.up))
            case Fault.ACK | Fault.REPEAT_ACK | Fault.LOSE_ACK if self.down:
                self._be_told(fault, n % len(self.down))
            case Fault.COMMIT | Fault.COMMIT_FAILS | Fault.KILL_BEFORE_ACK:
                self._commit(fault)
            case Fault.KILL_COLLECTOR:
                self._start_collector()
            case Fault.DEAF | Fault.LISTENS:
                self._listening = fault is Fault.LISTENS
                self._announce()
            case Fault.LINK_DOWN:
                self._link_down()
            case Fault.LINK_UP:
                self._link_up()
            case Fault.DISK_FULL | Fault.DISK_OK:
                self.disk.is_full = fault is Fault.DISK_FULL
            case Fault.CUT_BEFORE_SAVE:
                self.disk.cuts_before_save = True
            case Fault.CUT_AFTER_SAVE:
                self.disk.cuts_after_save = True
            case Fault.POWER_CUT:
                self._start_device()
            case Fault.CLOSE:
                self._step(self.core.on_close())
                self._start_device()
            case _:
                pass  # nothing is on the way
        self._tick()

    def _arrive(self, fault: Fault, index: int) -> None:
        topic, payload = self.up[index] if fault is Fault.REPEAT else self.up.pop(index)
        if fault is not Fault.LOSE:
            self._collector.on_telemetry(topic, payload, self._at_unix_s)

    def _be_told(self, fault: Fault, index: int) -> None:
        topic, payload = self.down[index] if fault is Fault.REPEAT_ACK else self.down.pop(index)
        if fault is not Fault.LOSE_ACK:
            self._hear(topic, payload)

    def settle(self) -> None:
        """From now on everything works; ends when nothing waits anywhere.

        The device is restarted once: what its disk would not forget comes again, and is known.
        """
        self.disk.cuts_before_save = self.disk.cuts_after_save = False
        self._drain()
        self.suffer(Fault.POWER_CUT, 0)
        self._drain()

    def _drain(self) -> None:
        for fault in (Fault.DISK_OK, Fault.LISTENS, Fault.LINK_UP):
            self.suffer(fault, 0)
        for _ in range(200):
            self.suffer(Fault.WAIT, 3)
            while self.up:
                self.suffer(Fault.DELIVER, 0)
                self.suffer(Fault.COMMIT, 0)
            while self.down:
                self.suffer(Fault.ACK, 0)
            if not len(self.core.outbox) and self._taken == self.rows:
                return
        raise AssertionError(f"{len(self.core.outbox)} batches are still waiting")
