"""Commits of one-row batches, for tests of what warehouses keep."""

from collections.abc import Sequence

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.facts import CohortStatistics
from cloud_sync.core.increments import Commit
from cloud_sync.core.seen import Marks
from cloud_sync.core.segments import Segment
from cloud_sync.ports import Warehouse
from edge_contract.package import Role
from tests.support.telemetry import DIGITS, batch_of, payload_of, telemetry_topic, window_of

__all__ = ["ARM", "BERGEN", "OSLO", "SPEC", "START", "commit_of", "counted"]

START = 1_800_000_000
SPEC = DIGITS.specs[Role.PRIMARY]
OSLO, BERGEN, ARM = (
    Segment("tag:site", "oslo"),
    Segment("tag:site", "bergen"),
    Segment("hardware", "aarch64"),
)
SEGMENTS = {"cam-1": (ARM, OSLO), "cam-2": (ARM, BERGEN)}


def commit_of(
    *pieces: tuple[str, int, float, Sequence[float]], marks: Warehouse | None = None
) -> Commit:
    """A commit of one-row batches: device, seq, seconds after START, the row."""
    collector = Collector(
        CollectorConfig(),
        packages={DIGITS.digest: DIGITS}.get,
        marks=marks.marks if marks else lambda _: Marks(),
        is_known=lambda _: True,
        segments=lambda device: SEGMENTS.get(device, ()),
    )
    for device, seq, after_s, row in pieces:
        window = window_of([row], start_unix_s=START + after_s)
        payload = payload_of(batch_of(seq, window, device=device))
        collector.on_telemetry(telemetry_topic(device), payload, START + 1000.0)
    commit = collector.take_commit()
    assert commit is not None
    return commit


def counted(statistics: CohortStatistics) -> tuple[int, object, int]:
    return statistics.counters.rows, statistics.profile.to_state(), statistics.devices
