"""Telemetry: the statistics of closed windows, in numbered batches."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar, Final, NamedTuple, Self

from edge_contract.errors import MessageError
from edge_contract.messages.base import register
from edge_contract.messages.packing import Unpack, packed, unpacked
from edge_contract.names import NAME_PATTERN
from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.package.reference import Role
from edge_contract.reading import MAX_INTEGER, JsonValue, Reader
from edge_contract.records import dataclass, field

__all__ = [
    "LATEST_UNIX_S",
    "BatchId",
    "Counters",
    "TelemetryBatch",
    "UsualBatch",
    "WindowEntry",
    "usual_batch",
]

LATEST_UNIX_S: Final = 4e9
"""In the year 2096: a clock that says more is wrong, and no window ends then."""


class BatchId(NamedTuple):
    """The name of a batch: never used twice, so that the collector merges it at most once.

    Attributes:
        device: The device.
        boot: Number of the agent's life; later lives have greater numbers.
        seq: Number of the batch in that life, from 0.
    """

    device: str
    boot: int
    seq: int


class Counters(NamedTuple):
    """What a window counts besides its statistics. All add up.

    Attributes:
        rows: Rows observed.
        calls: Predictions served, of one or more rows each.
        failures: Calls on which the model or its runtime failed; they are not in ``calls``.
        dropped: Rows that were not observed because a bound was reached, or samples that the
            shadow was too slow for.
    """

    rows: int = 0
    calls: int = 0
    failures: int = 0
    dropped: int = 0

    def plus(self, other: "Counters") -> "Counters":
        """Return the sums."""
        return Counters(
            self.rows + other.rows,
            self.calls + other.calls,
            self.failures + other.failures,
            self.dropped + other.dropped,
        )


@dataclass(frozen=True, slots=True)
class WindowEntry:
    """The statistics of one package in one role over one window.

    Attributes:
        package: Digest of the package.
        role: One of :class:`Role`.
        start_unix_s: When the window began, by the device's clock.
        end_unix_s: When it ended.
        counters: Rows, calls, failures and drops.
        profile: States by column, see ``ProfileSpec``; a large profile is spread over several
            entries, of which only the first has counters.
    """

    package: str
    role: str
    start_unix_s: float
    end_unix_s: float
    counters: Counters = field(default_factory=Counters)
    profile: Mapping[int, JsonValue] = field(default_factory=dict)


@register
@dataclass(frozen=True, slots=True)
class TelemetryBatch:
    """What a device sends at once, kept until the collector acknowledges it.

    Attributes:
        batch_id: Its name.
        entries: Windows.
        span: How many numbers this batch stands for: ``seq - span + 1`` to ``seq``. Above 1 when a
            device that was long offline merged batches that it had never sent.
        lost_rows: Rows that the device had to forget since its previous batch, for want of room.
    """

    kind: ClassVar[str] = "t"

    batch_id: BatchId
    entries: tuple[WindowEntry, ...] = ()
    span: int = 1
    lost_rows: int = 0

    def to_body(self) -> list[JsonValue]:
        """Return the fields by position."""
        profiles = packed(entry.profile for entry in self.entries)
        return [
            *self.batch_id,
            self.span,
            self.lost_rows,
            [
                [
                    entry.package,
                    entry.role,
                    entry.start_unix_s,
                    entry.end_unix_s,
                    list(entry.counters),
                    states,
                ]
                for entry, states in zip(self.entries, profiles.states, strict=True)
            ],
            profiles.firsts,
            profiles.others,
        ]

    @classmethod
    def from_body(cls, body: Reader, unpack: Unpack = unpacked) -> Self:
        """Read the fields; the states inside profiles are checked when they are merged."""
        usual = _quickly_read(body.json_list())
        if usual is not None:
            where = [Reader(state, "t[5][...][5]", MessageError) for state in usual.states]
            profiles = unpack(where, body[6], body[7])
            return cls(usual.batch_id, usual.entries(profiles), usual.span, usual.lost_rows)
        seq = body[2].integer(low=0)
        entries = body[5].items(max_length=10_000)
        profiles = unpack([entry[5] for entry in entries], body[6], body[7])
        return cls(
            BatchId(body[0].text(pattern=NAME_PATTERN), body[1].integer(low=0), seq),
            span=body[3].integer(low=1, high=seq + 1),
            lost_rows=body[4].integer(low=0),
            entries=tuple(map(_entry, entries, profiles)),
        )


class UsualBatch(NamedTuple):
    """All of a batch but the statistics of its windows, which are as they came.

    Attributes:
        batch_id: Its name.
        span: How many numbers it stands for.
        lost_rows: Rows that the device had to forget.
        headers: Package, role, start, end and counters of each window.
        states: Of each window, as :mod:`edge_contract.messages.packing` writes them.
    """

    batch_id: BatchId
    span: int
    lost_rows: int
    headers: list[tuple[str, str, float, float, Counters]]
    states: list[JsonValue]

    def entries(self, profiles: Iterable[Mapping[int, JsonValue]]) -> tuple[WindowEntry, ...]:
        """Return the windows with these statistics."""
        return tuple(
            WindowEntry(*header, profile)
            for header, profile in zip(self.headers, profiles, strict=True)
        )


def usual_batch(message: object) -> tuple[UsualBatch, str, str] | None:
    """Return the parts of a message that is as most are, and the texts of its lists.

    ``None`` for everything else, right or wrong: :func:`edge_contract.messages.decode` tells.
    """
    match message:
        case ["t", [_, _, _, _, _, _, str(firsts), str(others)] as body]:
            found = _quickly_read(body)
            return None if found is None else (found, firsts, others)
        case _:
            return None


def _quickly_read(body: Sequence[object]) -> UsualBatch | None:
    """Read what is as it should be; ``None`` for anything else, which readers then tell."""
    match body:
        case [str(device), int(boot), int(seq), int(span), int(lost_rows), list(entries), _, _]:
            is_known = device in _NAMES or _is_new(_NAMES, device, NAME_PATTERN)
            is_right = 0 <= boot <= MAX_INTEGER and 0 < span <= seq + 1 <= MAX_INTEGER
            if not (is_known and is_right and 0 <= lost_rows <= MAX_INTEGER):
                return None
        case _:
            return None
    if {type(boot), type(seq), type(span), type(lost_rows)} != {int} or len(entries) > 10_000:
        return None
    headers: list[tuple[str, str, float, float, Counters]] = []
    states: list[JsonValue] = []
    for entry in entries:
        match entry:
            case [str(package), str(role), float(start), float(end), list(counters), state]:
                is_known = package in _DIGESTS or _is_new(_DIGESTS, package, DIGEST_PATTERN)
                is_dated = 0.0 <= start <= end <= LATEST_UNIX_S
                if not (is_known and is_dated and role in Role.ALL and _are_counters(counters)):
                    return None
                headers.append((package, role, start, end, Counters(*counters)))
                states.append(state)
            case _:
                return None
    return UsualBatch(BatchId(device, boot, seq), span, lost_rows, headers, states)


def _are_counters(counters: "list[int]") -> bool:
    return (
        len(counters) == 4
        and {*map(type, counters)} == {int}
        and min(counters) >= 0
        and max(counters) <= MAX_INTEGER
    )


_NAMES: Final[set[str]] = set()
_DIGESTS: Final[set[str]] = set()
_MOST_KNOWN: Final = 100_000


def _is_new(known: set[str], text: str, pattern: str) -> bool:
    """Return whether a text is right, and remember it: the same ones come again and again."""
    if len(text) > 4096 or re.fullmatch(pattern, text) is None:
        return False
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known.add(text)
    return True


def _entry(item: Reader, profile: Mapping[int, JsonValue]) -> WindowEntry:
    start_unix_s = item[2].number(low=0.0, high=LATEST_UNIX_S)
    return WindowEntry(
        package=item[0].text(pattern=DIGEST_PATTERN),
        role=item[1].text(pattern="|".join(Role.ALL)),
        start_unix_s=start_unix_s,
        end_unix_s=item[3].number(low=start_unix_s, high=LATEST_UNIX_S),
        counters=Counters(*(item[4][index].integer(low=0) for index in range(4))),
        profile=profile,
    )
