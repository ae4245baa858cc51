from dataclasses import replace

import pytest

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import PendingKey, Tally
from cloud_sync.core.intake import Refusal, RefusalKind
from cloud_sync.core.seen import Marks
from cloud_sync.core.strata import stratum_of
from edge_contract.errors import UnavailableError
from edge_contract.package import Role, Strata, StrataKind, StrataSpec
from tests.support.telemetry import (
    DIGITS,
    DIGITS_ROLE,
    batch_of,
    payload_of,
    telemetry_topic,
    window_of,
)

MIDNIGHT = 1_800_000_000.0 - 1_800_000_000.0 % 86_400.0
HOUR_S = 3600.0


def stratified(kind: StrataKind = StrataKind.HOUR_OF_DAY, zone: str = "UTC") -> PackageFacts:
    reference = replace(DIGITS.reference, strata=Strata(StrataSpec(kind, zone)))
    return PackageFacts(DIGITS.digest, DIGITS.manifest, reference)


def stratum(package: PackageFacts, start_h: float, length_h: float) -> str | None:
    start_unix_s = MIDNIGHT + start_h * HOUR_S
    window = window_of([], start_unix_s=start_unix_s, length_s=length_h * HOUR_S)
    return stratum_of(package, window)


@pytest.mark.parametrize(
    ("start_h", "length_h", "expected"),
    [
        (9.0, 0.0, "09"),
        (9.0, 1 / 60, "09"),
        (9.99, 1 / 60, "09"),
        (9.995, 1 / 60, "10"),
        (9.5, 0.9, "09"),
        (9.1, 1.5, "09"),
        (9.5, 2.0, None),
        (9.25, 2.0, None),
        (9.0, 23.0, None),
        (9.0, 24.0, None),
        (9.0, 48.0, None),
    ],
)
def test_a_window_belongs_to_the_hour_that_covers_half_of_it_and_one_of_its_ends(
    start_h: float, length_h: float, expected: str | None
) -> None:
    assert stratum(stratified(), start_h, length_h) == expected


def test_hours_are_those_of_the_packages_time_zone() -> None:
    assert stratum(stratified(zone="Asia/Kolkata"), 9.0, 0.1) == "14"


def test_days_of_the_week_take_longer_windows() -> None:
    package = stratified(StrataKind.DAY_OF_WEEK)

    assert stratum(package, 1.0, 20.0) == "fri"
    assert stratum(package, 20.0, 20.0) == "sat"
    assert stratum(package, 1.0, 25.0) is None


def test_a_package_without_strata_and_a_role_without_reference_have_none() -> None:
    assert stratum(DIGITS, 9.0, 48.0) == ""
    late = window_of([], start_unix_s=MIDNIGHT, length_s=1e6, role=Role.LABELS)
    assert stratum_of(stratified(), late) == ""


def test_a_time_zone_that_is_unknown_here_is_no_fault_of_the_device() -> None:
    with pytest.raises(UnavailableError, match=r"digits@1\.0\.0.*no time zone 'Mars/Base'"):
        stratum(stratified(zone="Mars/Base"), 1.0, 1.0)


def test_what_cannot_be_judged_by_its_hour_is_counted_everywhere_else() -> None:
    package = stratified()
    collector = Collector(
        CollectorConfig(),
        packages={package.digest: package}.get,
        marks=lambda _: Marks(),
        is_known=lambda _: True,
    )
    batch = batch_of(
        0,
        window_of([(1.0, 2.0)], start_unix_s=MIDNIGHT),
        window_of([(1.0, 2.0)] * 2, start_unix_s=MIDNIGHT + HOUR_S),
        window_of([(1.0, 2.0)] * 4, start_unix_s=MIDNIGHT, length_s=5 * HOUR_S),
        window_of([(1.0, 2.0)] * 8, start_unix_s=1000.0),
    )

    collector.on_telemetry(telemetry_topic(), payload_of(batch), MIDNIGHT + 6 * HOUR_S)

    commit = collector.take_commit()
    assert commit is not None
    assert {key: increment.counters.rows for key, increment in commit.pending.items()} == {
        PendingKey(DIGITS_ROLE, stratum="00"): 1,
        PendingKey(DIGITS_ROLE, stratum="01"): 2,
    }
    assert sum(increment.counters.rows for increment in commit.windows.values()) == 15
    assert commit.tally == Tally(batches=1, misdated=1, unjudged=2)


def test_telemetry_waits_on_the_device_while_nobody_can_tell_the_time() -> None:
    package = stratified(zone="Mars/Base")
    collector = Collector(
        CollectorConfig(),
        packages={package.digest: package}.get,
        marks=lambda _: Marks(),
        is_known=lambda _: True,
    )

    refusal = collector.on_telemetry(telemetry_topic(), payload_of(batch_of(0)), MIDNIGHT)

    assert isinstance(refusal, Refusal)
    assert (refusal.kind, refusal.is_acknowledged) == (RefusalKind.BUSY, False)
