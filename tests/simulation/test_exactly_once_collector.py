"""Whatever is lost, repeated or reordered, and whenever the collector dies: merged exactly once."""

import enum
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.increments import Commit, DeviceRole
from cloud_sync.core.intake import Refusal
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from edge_contract.messages import Acks, BatchId, TelemetryBatch
from edge_contract.package import Role
from edge_contract.stats import Sketch
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    payload_of,
    telemetry_topic,
    window_of,
)

NOW = 1_800_000_500.0
OSLO, BERGEN = Segment("tag:site", "oslo"), Segment("tag:site", "bergen")


def fleet_batches() -> list[TelemetryBatch]:
    """Of two devices and three lives; every row has its own value in the first feature."""
    names = [("cam-1", 1, seq, 1) for seq in range(5)]
    names += [("cam-1", 2, seq, 1) for seq in range(2)]
    names += [("cam-2", 1, seq, span) for seq, span in ((0, 1), (1, 1), (4, 3), (5, 1), (9, 4))]
    return [
        batch_of(
            seq,
            window_of([(float(2**number), 0.0)] * span, start_unix_s=1_800_000_000 + 20.0 * number),
            device=device,
            boot=boot,
            span=span,
        )
        for number, (device, boot, seq, span) in enumerate(names)
    ]


BATCHES = fleet_batches()


class Fault(enum.Enum):
    """What happens to the collector between deliveries."""

    FLUSH = "everything goes well"
    LOSE_ACKS = "committed, but no acknowledgement arrives"
    FAIL = "the database refuses the commit"
    KILL = "killed with batches in memory"
    KILL_BEFORE_COMMIT = "killed after the commit was taken"
    KILL_AFTER_COMMIT = "killed between commit and acknowledgement"


class World:
    """Devices that keep what is not acknowledged, and a collector that dies and comes back.

    Devices are carried from one site to the other with every message.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.messages = 0
        self.kept = {batch.batch_id: batch for batch in BATCHES}
        self.start()

    def start(self) -> None:
        self.warehouse = SqliteWarehouse(self.folder)
        self.collector = Collector(
            CollectorConfig(max_batches=4),
            packages={DIGITS.digest: DIGITS}.get,
            marks=self.warehouse.marks,
            is_known=lambda _: True,
            segments=lambda _: (OSLO,) if self.messages % 2 else (BERGEN,),
        )

    def restart(self) -> None:
        self.warehouse.close()
        self.start()

    def deliver(self, batch: TelemetryBatch) -> BatchId | Refusal:
        self.messages += 1
        topic = telemetry_topic(batch.batch_id.device)
        return self.collector.on_telemetry(topic, payload_of(batch), NOW)

    def suffer(self, fault: Fault) -> None:
        commit = None if fault is Fault.KILL else self.collector.take_commit()
        if fault is Fault.FAIL and commit is not None:
            self.collector.failed()
        elif fault in (Fault.KILL, Fault.KILL_BEFORE_COMMIT):
            self.restart()
        elif commit is not None:
            self.commit(commit, fault)

    def commit(self, commit: Commit, fault: Fault) -> None:
        self.warehouse.commit(commit)
        if fault is Fault.KILL_AFTER_COMMIT:
            self.restart()
            return
        acks = self.collector.committed()
        if fault is Fault.FLUSH:
            self.forget(acks)

    def forget(self, acks: Iterable[tuple[str, Acks]]) -> None:
        for device, ack in acks:
            for name in list(self.kept):
                if name.device == device and any(boot.covers(name) for boot in ack.boots):
                    del self.kept[name]

    def settle(self) -> None:
        """From now on everything goes well: devices send until nothing is left."""
        for _ in range(2 * len(BATCHES)):
            for batch in list(self.kept.values()):
                self.deliver(batch)
            self.suffer(Fault.FLUSH)


def values_of(column: object) -> Counter[int]:
    """How often each row value was counted, by its place in ``BATCHES``."""
    assert isinstance(column, Sketch)
    return Counter(
        {number: column.counts.get(column.spec.code_of(2.0**number), 0) for number in range(12)}
    )


STEPS = st.lists(st.sampled_from(BATCHES) | st.sampled_from(Fault), max_size=40)


@settings(max_examples=60)
@given(steps=STEPS)
def test_every_batch_is_merged_exactly_once(steps: list[TelemetryBatch | Fault]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for step in steps:
            if isinstance(step, Fault):
                world.suffer(step)
            else:
                world.deliver(step)
        world.settle()
        spec = DIGITS.specs[Role.PRIMARY]
        together = world.warehouse.cohort(DIGITS_ROLE, spec)
        apart = world.warehouse.by_device(DIGITS_ROLE, spec)
        pending = world.warehouse.pending(DIGITS_ROLE, spec)
        totals = world.warehouse.totals()
        device_totals = world.warehouse.device_totals()
        world.warehouse.close()

    assert world.kept == {}
    every_row = Counter({number: batch.span for number, batch in enumerate(BATCHES)})
    assert values_of(together.profile[0]) == every_row
    assert sum((values_of(own.profile[0]) for own in apart.values()), Counter()) == every_row
    assert pending is not None
    pieces = {
        segment: values_of(strata[""].profile[0])
        for segment, strata in pending.by_segment().items()
    }
    assert pieces.pop(WHOLE_FLEET) == every_row
    assert sum(pieces.values(), Counter()) == every_row
    assert totals.by_role[Role.PRIMARY].rows == together.counters.rows == 17
    assert totals.tally.batches == len(BATCHES)
    assert {key: counters.rows for key, counters in device_totals.items()} == {
        DeviceRole("cam-1", DIGITS_ROLE): 7,
        DeviceRole("cam-2", DIGITS_ROLE): 10,
    }
