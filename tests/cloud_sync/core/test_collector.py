import pytest

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.increments import (
    Commit,
    DeviceRole,
    DeviceWindow,
    FleetWindow,
    Increment,
    Life,
    PackageRole,
    PendingKey,
    Tally,
)
from cloud_sync.core.intake import RefusalKind
from cloud_sync.core.seen import Marks
from cloud_sync.core.segments import Segment
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Acks, BatchId, BootAck, Counters, TelemetryBatch
from edge_contract.package import Role
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    counting_package,
    facts_of,
    payload_of,
    profile_of,
    telemetry_topic,
    window_of,
)

NOW = 1_800_000_080.0


def collector_with(
    config: CollectorConfig | None = None,
    *,
    marks: dict[Life, Marks] | None = None,
    segments: dict[str, tuple[Segment, ...]] | None = None,
    noisy: frozenset[str] = frozenset(),
) -> Collector:
    return Collector(
        config or CollectorConfig(),
        packages={DIGITS.digest: DIGITS}.get,
        marks=lambda life: (marks or {}).get(life, Marks()),
        is_known=lambda _: True,
        segments=lambda device: (segments or {}).get(device, ()),
        adds_noise=noisy.__contains__,
    )


def send(collector: Collector, batch: TelemetryBatch, now_unix_s: float = NOW) -> object:
    topic = telemetry_topic(batch.batch_id.device)
    return collector.on_telemetry(topic, payload_of(batch), now_unix_s)


def taken(collector: Collector) -> Commit:
    commit = collector.take_commit()
    assert commit is not None
    return commit


def test_a_batch_becomes_counts_of_fleet_and_device_and_of_the_analysis() -> None:
    collector = collector_with()

    result = send(collector, batch_of(0, window_of([(1.0, 2.0), (3.0, 4.0)])))

    assert result == BatchId("cam-7", 1, 0)
    commit = taken(collector)
    expected = Increment(Counters(rows=2, calls=2), profile_of([(1.0, 2.0), (3.0, 4.0)]))
    window = commit.windows[FleetWindow(DIGITS_ROLE, 1_800_000_000)]
    assert window.counters == expected.counters
    assert window.profile.to_state() == expected.profile.to_state()
    assert commit.pending[PendingKey(DIGITS_ROLE)].profile.to_state() == expected.profile.to_state()
    assert commit.device_windows[DeviceWindow("cam-7", DIGITS_ROLE, 1_800_000_000)].counters == (
        Counters(rows=2, calls=2)
    )
    assert commit.totals == {DeviceRole("cam-7", DIGITS_ROLE): Counters(rows=2, calls=2)}
    assert commit.marks == {Life("cam-7", 1): Marks(1)}
    assert commit.tally == Tally(batches=1)


def test_batches_of_several_devices_are_merged_into_one_fleet_window() -> None:
    collector = collector_with()

    send(collector, batch_of(0, window_of([(1.0, 2.0)]), device="cam-1"))
    send(collector, batch_of(0, window_of([(3.0, 4.0)]), device="cam-2"))

    commit = taken(collector)
    (window,) = commit.windows.values()
    assert window.counters == Counters(rows=2, calls=2)
    assert window.profile.to_state() == profile_of([(1.0, 2.0), (3.0, 4.0)]).to_state()
    assert {window.device for window in commit.device_windows} == {"cam-1", "cam-2"}


def test_nothing_is_acknowledged_before_it_is_committed() -> None:
    collector = collector_with()
    send(collector, batch_of(0))

    commit = taken(collector)
    send(collector, batch_of(1))
    acks = collector.committed()

    assert commit.acks == acks == (("cam-7", Acks((BootAck(1, 1),))),)
    collector.take_commit()
    assert collector.committed() == (("cam-7", Acks((BootAck(1, 2),))),)


def test_a_repeated_batch_is_counted_once_and_acknowledged_again() -> None:
    collector = collector_with()
    send(collector, batch_of(0))
    collector.take_commit()
    collector.committed()

    assert send(collector, batch_of(0)) == BatchId("cam-7", 1, 0)

    commit = taken(collector)
    assert (commit.windows, commit.device_windows, commit.marks) == ({}, {}, {})
    assert commit.tally == Tally(repeated=1)
    assert collector.committed() == (("cam-7", Acks((BootAck(1, 1),))),)


def test_a_batch_that_is_repeated_before_it_is_committed_is_counted_once() -> None:
    collector = collector_with()

    send(collector, batch_of(0))
    send(collector, batch_of(0))

    commit = taken(collector)
    assert commit.tally == Tally(batches=1, repeated=1)
    assert commit.totals == {DeviceRole("cam-7", DIGITS_ROLE): Counters(rows=1, calls=1)}


def test_after_a_restart_the_marks_of_a_life_are_loaded_once() -> None:
    asked: list[Life] = []

    def marks(life: Life) -> Marks:
        asked.append(life)
        return Marks(3, ((5, 5),))

    collector = Collector(
        CollectorConfig(),
        packages={DIGITS.digest: DIGITS}.get,
        marks=marks,
        is_known=lambda _: True,
    )

    send(collector, batch_of(2))
    send(collector, batch_of(5))
    send(collector, batch_of(3))

    assert asked == [Life("cam-7", 1)]
    commit = taken(collector)
    assert commit.tally == Tally(batches=1, repeated=2)
    assert commit.marks == {Life("cam-7", 1): Marks(4, ((5, 5),))}


def test_another_life_of_a_device_counts_its_batches_anew() -> None:
    collector = collector_with()

    send(collector, batch_of(0, boot=1))
    send(collector, batch_of(0, boot=2))

    assert taken(collector).tally == Tally(batches=2)
    assert collector.committed() == (("cam-7", Acks((BootAck(1, 1), BootAck(2, 1)))),)


def test_a_failed_commit_comes_again_unchanged_and_newer_batches_wait() -> None:
    collector = collector_with()
    send(collector, batch_of(0))
    first = taken(collector)

    collector.failed()
    send(collector, batch_of(1))

    assert collector.take_commit() is first
    collector.committed()
    assert taken(collector).tally == Tally(batches=1)


def test_with_nothing_new_there_is_nothing_to_commit() -> None:
    collector = collector_with()

    assert collector.take_commit() is None
    with pytest.raises(UsageError, match="no commit is under way"):
        collector.committed()


def test_a_commit_under_way_cannot_be_taken_twice() -> None:
    collector = collector_with()
    send(collector, batch_of(0))
    collector.take_commit()

    with pytest.raises(UsageError, match=r"call committed\(\) or failed\(\) first"):
        collector.take_commit()


def test_a_full_collector_refuses_until_a_commit_has_made_room() -> None:
    collector = collector_with(CollectorConfig(max_batches=2))
    send(collector, batch_of(0))
    send(collector, batch_of(1))

    was_full = collector.is_full
    refused = send(collector, batch_of(2))
    collector.take_commit()

    assert was_full
    assert getattr(refused, "kind", None) is RefusalKind.BUSY
    assert not collector.is_full
    assert send(collector, batch_of(2)) == BatchId("cam-7", 1, 2)


def test_marks_that_cannot_be_loaded_keep_the_batch_on_the_device() -> None:
    def marks(_: Life) -> Marks:
        raise UnavailableError("cannot use the warehouse: disk I/O error")

    collector = Collector(
        CollectorConfig(), packages=lambda _: None, marks=marks, is_known=lambda _: True
    )

    refused = send(collector, batch_of(0))

    assert getattr(refused, "kind", None) is RefusalKind.BUSY
    commit = taken(collector)
    assert commit.refused == {"busy": 1}
    assert commit.acks == ()


def test_a_window_is_filed_under_its_aligned_start() -> None:
    collector = collector_with(CollectorConfig(window_s=10, device_window_s=100))

    send(collector, batch_of(0, window_of([(1.0, 2.0)], start_unix_s=1_800_000_059.9)))

    commit = taken(collector)
    assert [window.start_unix_s for window in commit.windows] == [1_800_000_050]
    assert [window.start_unix_s for window in commit.device_windows] == [1_800_000_000]


def test_a_device_whose_clock_is_wrong_is_filed_under_now() -> None:
    collector = collector_with()

    for seq, start_unix_s in enumerate([NOW + 3600.0, 10.0, NOW - 5.0, NOW + 200.0]):
        send(collector, batch_of(seq, window_of([(1.0, 2.0)], start_unix_s=start_unix_s)))

    commit = taken(collector)
    assert [window.start_unix_s for window in commit.windows] == [1_800_000_060]
    assert commit.tally == Tally(batches=4, misdated=2)


def test_a_late_window_keeps_its_own_time() -> None:
    collector = collector_with()
    week_later = 1_800_000_000.0 + 7 * 86_400.0

    send(collector, batch_of(0), week_later)

    commit = taken(collector)
    assert [window.start_unix_s for window in commit.windows] == [1_800_000_000]
    assert commit.tally == Tally(batches=1)


def test_rows_that_a_device_had_to_forget_are_counted() -> None:
    collector = collector_with()

    send(collector, batch_of(0, lost_rows=17))

    assert taken(collector).tally == Tally(batches=1, lost_rows=17)


def test_a_batch_of_several_packages_and_roles_is_filed_apart() -> None:
    other = facts_of(counting_package("2.0.0"))
    collector = Collector(
        CollectorConfig(),
        packages={DIGITS.digest: DIGITS, other.digest: other}.get,
        marks=lambda _: Marks(),
        is_known=lambda _: True,
    )
    shadow = window_of([], package=other, role=Role.SHADOW)

    send(collector, batch_of(0, window_of([(1.0, 2.0)]), shadow))

    commit = taken(collector)
    assert {window.subject for window in commit.windows} == {
        DIGITS_ROLE,
        PackageRole(other.digest, Role.SHADOW),
    }
    assert set(commit.pending) == {PendingKey(DIGITS_ROLE)}


def test_counts_for_the_analysis_are_kept_by_the_segments_that_a_device_is_in_then() -> None:
    arm, oslo, bergen = (
        Segment("hardware", "aarch64"),
        Segment("tag:site", "oslo"),
        Segment("tag:site", "bergen"),
    )
    segments: dict[str, tuple[Segment, ...]] = {
        "cam-1": (arm, oslo),
        "cam-2": (arm, oslo),
        "cam-3": (arm, bergen),
    }
    collector = collector_with(segments=segments)
    for device in ("cam-1", "cam-2", "cam-3", "cam-4"):
        send(collector, batch_of(0, device=device))
    segments["cam-1"] = (arm, bergen)
    send(collector, batch_of(1, device="cam-1"))

    commit = taken(collector)

    assert {key: increment.counters.rows for key, increment in commit.pending.items()} == {
        PendingKey(DIGITS_ROLE, (arm, oslo)): 2,
        PendingKey(DIGITS_ROLE, (arm, bergen)): 2,
        PendingKey(DIGITS_ROLE): 1,
    }
    assert [increment.counters.rows for increment in commit.windows.values()] == [5]


def test_counts_of_a_device_that_adds_noise_are_merged_but_raise_no_alarms() -> None:
    collector = collector_with(noisy=frozenset({"cam-2"}))
    for device in ("cam-1", "cam-2"):
        send(collector, batch_of(0, device=device))

    commit = taken(collector)

    assert [increment.counters.rows for increment in commit.windows.values()] == [2]
    assert commit.pending[PendingKey(DIGITS_ROLE)].counters.rows == 1
    assert commit.tally == Tally(batches=2, unjudged=1)


def test_marks_of_lives_that_are_idle_are_forgotten_and_loaded_again() -> None:
    saved: dict[Life, Marks] = {}
    collector = collector_with(CollectorConfig(max_lives=1), marks=saved)

    for device in ("cam-1", "cam-2", "cam-1"):
        send(collector, batch_of(0, device=device))
        saved |= taken(collector).marks
        collector.committed()

    assert saved == {Life("cam-1", 1): Marks(1), Life("cam-2", 1): Marks(1)}


def test_limits_below_one_are_refused() -> None:
    with pytest.raises(UsageError, match="window_s must be at least 1, got 0"):
        CollectorConfig(window_s=0)
    with pytest.raises(UsageError, match="max_batches must be at least 1, got -5"):
        CollectorConfig(max_batches=-5)
