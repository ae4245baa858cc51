"""Bad telemetry: refused with a reason, counted, acknowledged only if it can never be merged."""

import json
import zlib
from dataclasses import replace

import pytest

from cloud_sync.core.collector import Collector
from cloud_sync.core.collector_config import CollectorConfig
from cloud_sync.core.increments import Life, Tally
from cloud_sync.core.intake import MAX_COUNT, Refusal, RefusalKind, read_event
from cloud_sync.core.seen import Marks
from edge_contract.errors import MessageError
from edge_contract.messages import (
    Acks,
    BatchId,
    BootAck,
    CollectorState,
    Counters,
    Death,
    WindowEntry,
    encode,
)
from edge_contract.reading import JsonValue
from tests.support.telemetry import (
    DIGITS,
    FLEET,
    batch_of,
    counting_package,
    facts_of,
    payload_of,
    telemetry_topic,
    window_of,
)

NOW = 1_800_000_080.0


def collector_of(known: set[str] | None = None) -> Collector:
    """A collector of one package; with known devices, of no others."""
    return Collector(
        CollectorConfig(open_enrolment=known is None),
        packages={DIGITS.digest: DIGITS}.get,
        marks=lambda _: Marks(),
        is_known=lambda device: device in (known or ()),
    )


def refusal(
    payload: bytes, *, topic: str = telemetry_topic(), collector: Collector | None = None
) -> Refusal:
    """What becomes of a payload that must be refused."""
    result = (collector or collector_of()).on_telemetry(topic, payload, NOW)
    assert isinstance(result, Refusal)
    return result


def raw(body: JsonValue, *, kind: str = "t") -> bytes:
    """A payload that no device of ours would send."""
    return b"\x01" + zlib.compress(json.dumps([kind, body]).encode())


def raw_batch(*entries: JsonValue) -> bytes:
    return raw(["cam-7", 1, 0, 1, 0, list(entries), "", ""])


def raw_entry(
    *,
    rows: float = 1,
    column: int = 0,
    state: JsonValue = None,
    role: str = "primary",
    start_unix_s: float = 0.0,
) -> JsonValue:
    profile: JsonValue = [[], []] if state is None else [[column], [state]]
    return [DIGITS.digest, role, start_unix_s, 60.0, [rows, 1, 0, 0], profile]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "found nothing"),
        (b"\x02abc", "found version 2"),
        (b"\x01not zlib", "not readable zlib"),
        (b"\x01" + zlib.compress(b"not JSON"), "not readable JSON"),
        (b"\x01" + zlib.compress(b"0" * 1_000_001), "inflates to more than 1000000 bytes"),
        (b"\x01" + zlib.compress(b"[" * 100_000), "not readable JSON"),
        (raw(["cam-7", 1, "first", 1, 0, []]), "whole number"),
        (raw(["cam-7", 1, 0, 2, 0, [], "", ""]), "whole number from 1 to 1"),
        (raw([], kind="??"), "unknown here"),
        (encode(CollectorState(listening=True)), "'s' is no telemetry"),
    ],
)
def test_what_cannot_be_named_is_refused_and_not_acknowledged(payload: bytes, reason: str) -> None:
    collector = collector_of()

    refused = refusal(payload, collector=collector)

    assert refused.kind is RefusalKind.UNREADABLE
    assert reason in refused.reason
    assert not refused.is_acknowledged
    commit = collector.take_commit()
    assert commit is not None
    assert (commit.refused, commit.acks, commit.marks) == ({"unreadable": 1}, (), {})


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (raw_batch(raw_entry(rows=-1)), "whole number from 0"),
        (raw_batch(raw_entry(rows=float("nan"))), "NaN is no JSON number"),
        (raw_batch(raw_entry(rows=1.5)), "whole number from 0"),
        (raw_batch(raw_entry(rows=MAX_COUNT + 1)), "add up to 10000000002, more than"),
        (
            raw_batch(*[raw_entry(rows=0, state=[MAX_COUNT, 0, 0, 0, [[], []]])] * 2),
            "statistics of a batch add up to 20000000000, more than 10000000000",
        ),
        (raw_batch(raw_entry(role="spy")), "text that matches"),
        (raw_batch(raw_entry(start_unix_s=61.0)), "number from 61"),
        (raw_batch(raw_entry(column=9, state=[0, 0, 0, 0, [[], []]])), "column 9"),
        (raw_batch(raw_entry(state=[0, 0, 0, 0, [[5], [-3]]])), "whole numbers from 1"),
        (raw_batch(raw_entry(state=[-1, 0, 0, 0, [[], []]])), "whole number from 0"),
        (raw_batch(raw_entry(state=[0, 0, 0, 0, [[99999], [1]]])), "keys from"),
        (raw_batch(raw_entry(state=[2, 0, 0, 0, [[], []]])), "2 observations in a window"),
        (raw_batch(raw_entry(state="many")), "expected a list"),
        (raw_batch("no entry"), "expected a list"),
    ],
)
def test_statistics_that_cannot_be_true_are_refused_and_acknowledged(
    payload: bytes, reason: str
) -> None:
    collector = collector_of()

    refused = refusal(payload, collector=collector)

    assert refused.kind is RefusalKind.INVALID
    assert reason in refused.reason
    assert refused.is_acknowledged
    commit = collector.take_commit()
    assert commit is not None
    assert (commit.windows, commit.device_windows, commit.tally) == ({}, {}, Tally())
    assert commit.refused == {"invalid": 1}
    assert commit.marks == {Life("cam-7", 1): Marks(1)}
    assert commit.acks == (("cam-7", Acks((BootAck(1, 1),))),)


def test_an_invalid_batch_that_comes_again_is_only_acknowledged_again() -> None:
    collector = collector_of()
    refusal(raw_batch(raw_entry(rows=-1)), collector=collector)

    again = collector.on_telemetry(telemetry_topic(), raw_batch(raw_entry(rows=-1)), NOW)

    assert again == BatchId("cam-7", 1, 0)


def test_one_wrong_window_keeps_the_whole_batch_out() -> None:
    collector = collector_of()
    good = window_of([(1.0, 2.0)])
    bad = WindowEntry(DIGITS.digest, "primary", 0.0, 60.0, Counters(rows=1), {0: [7]})

    refused = refusal(payload_of(batch_of(0, good, bad)), collector=collector)

    assert refused.kind is RefusalKind.INVALID
    commit = collector.take_commit()
    assert commit is not None
    assert commit.windows == {}


def test_a_batch_that_holds_rows_merged_before_is_refused_and_acknowledged() -> None:
    collector = collector_of()
    collector.on_telemetry(telemetry_topic(), payload_of(batch_of(1)), NOW)

    refused = refusal(payload_of(batch_of(2, span=2)), collector=collector)

    assert refused.kind is RefusalKind.INVALID
    assert "stands for 2 numbers, some of them merged before" in refused.reason
    assert refused.is_acknowledged


def test_counts_of_a_spread_profile_may_exceed_the_rows_of_merged_batches() -> None:
    entry = replace(window_of([(1.0, 2.0), (3.0, 4.0)]), counters=Counters(rows=1, calls=1))

    single = collector_of().on_telemetry(
        telemetry_topic(), payload_of(batch_of(4, entry, span=1)), NOW
    )
    merged = collector_of().on_telemetry(
        telemetry_topic(), payload_of(batch_of(4, entry, span=2)), NOW
    )

    assert isinstance(single, Refusal)
    assert merged == BatchId("cam-7", 1, 4)


def test_a_continuation_without_counters_is_merged() -> None:
    collector = collector_of()
    whole = window_of([(1.0, 2.0)])
    first = replace(whole, profile={0: whole.profile[0]})
    rest = replace(whole, counters=Counters(), profile={1: whole.profile[1]})

    collector.on_telemetry(telemetry_topic(), payload_of(batch_of(0, first)), NOW)
    collector.on_telemetry(telemetry_topic(), payload_of(batch_of(1, rest)), NOW)

    commit = collector.take_commit()
    assert commit is not None
    (window,) = commit.windows.values()
    assert window.counters == Counters(rows=1, calls=1)
    assert len(window.profile) == 2


def test_a_batch_of_another_device_is_neither_merged_nor_acknowledged() -> None:
    collector = collector_of()

    refused = refusal(payload_of(batch_of(0)), topic=telemetry_topic("cam-8"), collector=collector)

    assert refused == Refusal(
        RefusalKind.WRONG_DEVICE, "cam-8", "device 'cam-8' sent a batch of 'cam-7'"
    )
    commit = collector.take_commit()
    assert commit is not None
    assert (commit.acks, commit.marks) == ((), {})


@pytest.mark.parametrize(
    "topic", ["ef1/f1/t/64/cam-7", FLEET.device("cam-7").events, "else", "ef1/f1/t/40/../cam-7"]
)
def test_a_topic_that_is_no_telemetry_topic_is_refused(topic: str) -> None:
    assert refusal(payload_of(batch_of(0)), topic=topic).kind is RefusalKind.UNREADABLE


def test_without_open_enrolment_only_devices_that_announced_themselves_are_heard() -> None:
    collector = collector_of(known={"cam-1"})

    known = collector.on_telemetry(
        telemetry_topic("cam-1"), payload_of(batch_of(0, device="cam-1")), NOW
    )
    unknown = refusal(payload_of(batch_of(0)), collector=collector)

    assert known == BatchId("cam-1", 1, 0)
    assert unknown.kind is RefusalKind.UNKNOWN_DEVICE
    assert not unknown.is_acknowledged


def test_statistics_of_an_unknown_package_wait_on_the_device_until_it_is_pushed() -> None:
    later = facts_of(counting_package("2.0.0"))
    packages = {DIGITS.digest: DIGITS}
    collector = Collector(
        CollectorConfig(), packages=packages.get, marks=lambda _: Marks(), is_known=lambda _: True
    )
    payload = payload_of(
        batch_of(0, window_of([(1.0, 2.0)]), window_of([(1.0, 2.0)], package=later))
    )

    refused = refusal(payload, collector=collector)
    packages[later.digest] = later
    merged = collector.on_telemetry(telemetry_topic(), payload, NOW)

    assert refused.kind is RefusalKind.UNKNOWN_PACKAGE
    assert not refused.is_acknowledged
    assert merged == BatchId("cam-7", 1, 0)
    commit = collector.take_commit()
    assert commit is not None
    assert commit.tally == Tally(batches=1)
    assert sum(counters.rows for counters in commit.totals.values()) == 2


def test_an_event_in_another_devices_name_is_refused() -> None:
    payload = encode(Death("cam-8", 1, "lost"))

    with pytest.raises(MessageError, match="device 'cam-7' sent an event of device 'cam-8'"):
        read_event(FLEET.device("cam-7").events, payload)


def test_telemetry_on_the_event_topic_is_refused() -> None:
    with pytest.raises(MessageError, match="sent 't' on its event topic"):
        read_event(FLEET.device("cam-7").events, payload_of(batch_of(0)))
