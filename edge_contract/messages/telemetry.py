"""Telemetry: the statistics of closed windows, in numbered batches."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple, Self

from edge_contract.messages.base import register
from edge_contract.messages.packing import packed, unpacked
from edge_contract.names import NAME_PATTERN
from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.package.reference import Role
from edge_contract.reading import JsonValue, Reader

__all__ = ["LATEST_UNIX_S", "BatchId", "Counters", "TelemetryBatch", "WindowEntry"]

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
    def from_body(cls, body: Reader) -> Self:
        """Read the fields; the states inside profiles are checked when they are merged."""
        seq = body[2].integer(low=0)
        entries = body[5].items(max_length=10_000)
        profiles = unpacked([entry[5] for entry in entries], body[6], body[7])
        return cls(
            BatchId(body[0].text(pattern=NAME_PATTERN), body[1].integer(low=0), seq),
            span=body[3].integer(low=1, high=seq + 1),
            lost_rows=body[4].integer(low=0),
            entries=tuple(map(_entry, entries, profiles)),
        )


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
