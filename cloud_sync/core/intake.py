"""What comes in from devices: decoded, checked against topic and package, or refused by name."""

import enum
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from cloud_sync.core.counting import PLAIN, Counting, Observed
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import PackageRole, StatePiece
from cloud_sync.core.strata import stratum_of
from edge_contract.errors import MessageError, PeerError
from edge_contract.messages import (
    MAX_BODY_BYTES,
    BatchId,
    Birth,
    CommandResult,
    Counters,
    Death,
    Report,
    TelemetryBatch,
    WindowEntry,
    decode,
    parse_up_topic,
)
from edge_contract.messages.codec import ENVELOPE
from edge_contract.names import NAME_PATTERN
from edge_contract.reading import JsonValue, Reader
from edge_contract.stats import ProfileSpec

__all__ = [
    "MAX_COUNT",
    "CheckedWindow",
    "PackageLookup",
    "Refusal",
    "RefusalKind",
    "UnknownPackageError",
    "checked_windows",
    "name_of",
    "read_event",
    "require_plausible",
    "speaker_of",
    "state_of_message",
]

MAX_COUNT: Final = 10**10
"""Largest count of one batch; more cannot be true, and sums would outgrow the database."""

PackageLookup: TypeAlias = Callable[[str], PackageFacts | None]
"""Finds a package of the registry by digest."""


class UnknownPackageError(PeerError):
    """Statistics of a package that the registry does not have (yet): ask the device again later."""


class RefusalKind(enum.Enum):
    """Why telemetry was not merged.

    Only what is INVALID is acknowledged all the same: it can be named and will never become valid,
    so the device must stop sending it. Everything else is kept by the device and comes again.
    """

    BUSY = "busy"
    """Nothing is wrong with it: the warehouse is behind or out of reach."""
    UNREADABLE = "unreadable"
    """It cannot even be named; acknowledging it is impossible."""
    WRONG_DEVICE = "wrong device"
    """It came over another device's topic; that device has nothing to be acknowledged."""
    UNKNOWN_DEVICE = "unknown device"
    """It may be enrolled later."""
    UNKNOWN_PACKAGE = "unknown package"
    """It may be pushed to the registry later."""
    TOO_FAST = "too fast"
    """Its device sends more at once than one may: it comes again."""
    QUARANTINED = "quarantined"
    """An operator keeps the device apart, and may let it back."""
    ELSEWHERE = "elsewhere"
    """Another collector merges its shard, and answers it."""
    INVALID = "invalid"
    """Its statistics cannot be true, or some of its rows were merged before."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Telemetry that was not merged.

    Attributes:
        kind: Why.
        device: Of the topic; empty if that was wrong.
        reason: The same for people.
        is_acknowledged: Whether the device will be told to forget it.
    """

    kind: RefusalKind
    device: str
    reason: str
    is_acknowledged: bool = False


@dataclass(frozen=True, slots=True)
class CheckedWindow:
    """A window entry whose statistics are known to be possible.

    Attributes:
        subject: Which package in which role.
        start_unix_s: By the device's clock.
        end_unix_s: The same.
        counters: Rows, calls, failures and drops.
        spec: What the statistics are.
        state: Statistics by column, checked.
        piece: The same to be stored: the message as it came, if there is nothing else in it.
        observed: What its columns observed.
        stratum: Part of the day or week that its rows belong to; empty if the package's reference
            does not tell them apart in this role, ``None`` if the window spans several.
    """

    subject: PackageRole
    start_unix_s: float
    end_unix_s: float
    counters: Counters
    spec: ProfileSpec
    state: Mapping[int, JsonValue]
    piece: StatePiece
    observed: Observed
    stratum: str | None = ""


def read_event(topic: str, payload: bytes) -> Birth | Death | Report | CommandResult:
    """Return what a device said on its event topic.

    Raises:
        MessageError: It cannot be read, is no event, or speaks for another device.
    """
    speaker = speaker_of(topic, "e")
    match decode(payload):
        case Birth() | Death() | Report() | CommandResult() as event:
            if event.device != speaker:
                raise MessageError(f"device {speaker!r} sent an event of device {event.device!r}")
            return event
        case other:
            raise MessageError(f"device {speaker!r} sent {other.kind!r} on its event topic")


def speaker_of(topic: str, channel: str) -> str:
    """Return the device whose topic it is; raises ``MessageError`` for another channel's topic."""
    parsed = parse_up_topic(topic)
    if parsed.channel != channel:
        raise MessageError(f"topic {topic!r} is of channel {parsed.channel!r}, not {channel!r}")
    return parsed.device


def name_of(payload: bytes) -> TelemetryBatch | None:
    """Return name and span of telemetry that cannot be decoded as a whole, without entries.

    ``None`` if not even that can be read, or if it is of another version of the envelope: that
    may be right, and this side too old for it.
    """
    if payload[:1] != bytes([ENVELOPE]):
        return None
    try:
        text = zlib.decompressobj().decompress(payload[1:], MAX_BODY_BYTES)
        reader = Reader(json.loads(text), "message", MessageError)
        if reader[0].text() != TelemetryBatch.kind:
            return None
        body = reader[1]
        seq = body[2].integer(low=0)
        name = BatchId(body[0].text(pattern=NAME_PATTERN), body[1].integer(low=0), seq)
        return TelemetryBatch(name, span=body[3].integer(low=1, high=seq + 1))
    except (zlib.error, ValueError, RecursionError, MessageError):
        return None


def state_of_message(payload: bytes) -> Mapping[int, JsonValue]:
    """Return the states of a message that :func:`checked_windows` kept as it came."""
    match decode(payload):
        case TelemetryBatch(entries=(entry,)):
            return entry.profile
        case _:
            raise MessageError("a stored message is no telemetry of one window")


def checked_windows(
    batch: TelemetryBatch,
    packages: PackageLookup,
    *,
    payload: bytes | None = None,
    counting: Counting = PLAIN,
) -> list[CheckedWindow]:
    """Decode the statistics of a batch.

    Args:
        batch: What was decoded.
        packages: Finds packages.
        counting: Checks statistics.
        payload: What it was decoded from; kept in place of the states of a batch of one window.

    Raises:
        UnknownPackageError: The registry does not have a package of it.
        MessageError: A statistic breaks an invariant, or a count cannot be true.
        UnavailableError: Nobody can tell which part of the day a window belongs to.
    """
    specs = {entry.package: _package(entry.package, packages) for entry in batch.entries}
    alone = payload if len(batch.entries) == 1 else None
    windows = [
        _checked(entry, specs[entry.package], payload=alone, counting=counting)
        for entry in batch.entries
    ]
    _require_possible(windows)
    if batch.span == 1:  # of merged batches, counters and profile may be in different ones
        _require_no_more_than_rows(windows)
    return windows


def require_plausible(windows: list[CheckedWindow], *, max_rows_per_s: float) -> None:
    """Raise ``MessageError`` if a window counts faster than any device does."""
    for window in windows:
        rows = window.counters.rows
        lasts_s = max(window.end_unix_s - window.start_unix_s, 1.0)
        if rows > max_rows_per_s * lasts_s:
            raise MessageError(
                f"{rows} rows in a window of {lasts_s:.0f} s are more than {max_rows_per_s:.0f} a "
                "second"
            )


def _package(digest: str, packages: PackageLookup) -> PackageFacts:
    found = packages(digest)
    if found is None:
        raise UnknownPackageError(
            f"package {digest} is not in the registry: push it, the device sends its statistics "
            "again"
        )
    return found


def _checked(
    entry: WindowEntry, package: PackageFacts, *, payload: bytes | None, counting: Counting
) -> CheckedWindow:
    spec = package.specs[entry.role]
    observed = counting.check(spec, entry.profile)
    return CheckedWindow(
        subject=PackageRole(entry.package, entry.role),
        start_unix_s=entry.start_unix_s,
        end_unix_s=entry.end_unix_s,
        counters=entry.counters,
        spec=spec,
        state=entry.profile,
        piece=entry.profile if payload is None else payload,
        observed=observed,
        stratum=stratum_of(package, entry),
    )


def _require_possible(windows: list[CheckedWindow]) -> None:
    """Raise ``MessageError`` if the batch counts more than any device can."""
    for name, total in {
        "counters": sum(sum(window.counters) for window in windows),
        "statistics": sum(window.observed.most for window in windows),
    }.items():
        if total > MAX_COUNT:
            raise MessageError(f"the {name} of a batch add up to {total}, more than {MAX_COUNT}")


def _require_no_more_than_rows(windows: list[CheckedWindow]) -> None:
    """Raise ``MessageError`` if a column counts more than the window has rows.

    A large profile is spread over entries, of which only the first has counters; where that one is
    not in this batch, nothing can be said.
    """
    for window in windows:
        rows = window.counters.rows
        if window.observed.most <= rows:
            continue
        for index, count in window.observed.by_column.items():
            if rows and count > rows:
                raise MessageError(
                    f"column {index} counts {count} observations in a window of {rows} rows"
                )
