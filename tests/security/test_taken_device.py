"""One device in somebody's hands: what it counts does not speak for the fleet."""

import random
from dataclasses import replace
from pathlib import Path

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.intake import Refusal, RefusalKind
from cloud_sync.core.seen import Marks
from cloud_sync.core.segment_index import SegmentRules
from cloud_sync.core.volume_cap import VolumeCap
from edge_contract.messages import Counters
from tests.support.telemetry import (
    DIGITS,
    batch_of,
    payload_of,
    telemetry_topic,
    window_of,
)
from tests.support.watched_fleet import WatchedFleet, plain_package, rows_of

HONEST = [f"cam-{number}" for number in range(10)]


def alarms_with(cap: VolumeCap | None, folder: Path) -> tuple[int, WatchedFleet]:
    """Ten honest devices, and one that counts a hundred times as much, five sigma off."""
    rng = random.Random(7)
    honest = [rows_of(rng, 30) for _ in range(8)]
    forged = rows_of(rng, 3_000, x=5.0)
    with WatchedFleet(folder, rules=SegmentRules(sources=()), cap=cap) as fleet:
        package = fleet.push(plain_package())
        for name in [*HONEST, "taken"]:
            fleet.add(name)
        raised = 0
        for minute in range(12):
            seen = {name: rng.choice(honest) for name in HONEST}
            if minute >= 2:
                seen["taken"] = forged
            raised += fleet.pass_by(seen, package=package)
        return raised, fleet


def test_a_device_that_shouts_raises_no_alarm_about_the_fleet_and_is_named(tmp_path: Path) -> None:
    cap = VolumeCap(60)

    raised, fleet = alarms_with(cap, tmp_path / "bounded")
    unbounded, _ = alarms_with(None, tmp_path / "unbounded")

    assert (raised, unbounded) == (0, 1)
    (package,) = fleet._packages
    assert cap.left_out(package) == {"taken": 10}


def refusal_of(payload: bytes, device: str = "cam-1", *, apart: bool = False) -> Refusal:
    collector = Collector(
        CollectorConfig(),
        packages={DIGITS.digest: DIGITS}.get,
        marks=lambda _: Marks(),
        is_known=lambda _: True,
        is_apart=lambda _: apart,
    )
    found = collector.on_telemetry(telemetry_topic(device), payload, 1_800_000_080.0)
    assert isinstance(found, Refusal)
    return found


def test_a_window_with_more_rows_than_time_allows_is_invalid() -> None:
    window = replace(window_of([]), counters=Counters(rows=10**9, calls=1))

    found = refusal_of(payload_of(batch_of(0, window, device="cam-1")))

    assert found.kind is RefusalKind.INVALID
    assert "more than 10000000 a second" in found.reason


def test_what_a_device_in_quarantine_sends_waits_on_it() -> None:
    payload = payload_of(batch_of(0, window_of([]), device="cam-1"))

    found = refusal_of(payload, apart=True)

    assert (found.kind, found.is_acknowledged) == (RefusalKind.QUARANTINED, False)
    assert found.reason == "device 'cam-1' is in quarantine"
