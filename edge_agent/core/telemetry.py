"""Telemetry: closes windows, cuts them into numbered batches and sees them through the outbox."""

from collections.abc import Iterable, Sequence
from typing import Final

from edge_agent.core.effects import CollectWindows, Effect, Log, RingMarks
from edge_agent.core.kept_batches import StoredBatch
from edge_agent.core.outbox import Outbox, OutboxConfig
from edge_agent.core.windows import WindowClock, batches_of, merged_entries
from edge_contract.errors import UsageError
from edge_contract.messages import BatchId, TelemetryBatch, WindowEntry
from edge_contract.package import Manifest, Reference, profile_specs
from edge_contract.sha256 import sha256
from edge_contract.stats import ProfileSpec

__all__ = ["LONGEST_INTERVAL_S", "SHORTEST_INTERVAL_S", "Telemetry", "checked_interval_s"]

SHORTEST_INTERVAL_S: Final = 0.1
LONGEST_INTERVAL_S: Final = 86_400.0

_SAVE_RETRY_S: Final = 5.0


def checked_interval_s(interval_s: float) -> float:
    """Return the length of a window if it is one.

    Raises:
        UsageError: It is too short or too long.
    """
    if not SHORTEST_INTERVAL_S <= interval_s <= LONGEST_INTERVAL_S:
        raise UsageError(
            f"telemetry interval must be from {SHORTEST_INTERVAL_S} to {LONGEST_INTERVAL_S:.0f} s, "
            f"got {interval_s}"
        )
    return interval_s


class Telemetry:
    """Windows and outbox of one life of a device.

    Args:
        device: Name of the device.
        boot: Number of this life, greater than any before.
        interval_s: Length of a window.
        outbox_bytes: Bound of the outbox.
        ack_timeout_s: How long to wait for the collector before sending again.
        restored: Batches found in the durable store.
        unsent_since: The first life since which none was ever sent; ``None`` if nobody knows.

    Raises:
        UsageError: The interval is not allowed, or a restored batch belongs to this life or a
            later one.
    """

    def __init__(
        self,
        device: str,
        boot: int,
        *,
        interval_s: float,
        outbox_bytes: int,
        ack_timeout_s: float,
        restored: Iterable[TelemetryBatch | StoredBatch] = (),
        unsent_since: int | None = None,
    ) -> None:
        self._first = BatchId(device, boot, 0)
        self._jitter = _jitter(device, boot)
        self._specs: dict[tuple[str, str], ProfileSpec] = {}
        self.outbox = Outbox(
            OutboxConfig(
                max_bytes=outbox_bytes,
                ack_timeout_s=ack_timeout_s,
                max_ack_timeout_s=max(300.0, ack_timeout_s),
                jitter=self._jitter,
            ),
            lambda entries: merged_entries(entries, self._specs),
            restored,
            unsent_since,
        )
        if self.outbox.latest_boot >= boot:
            raise UsageError(
                f"device {device!r} begins life {boot}, but its store holds batches of life "
                f"{self.outbox.latest_boot}: names would repeat; give every life a greater number"
            )
        self._clock = self._clock_of(checked_interval_s(interval_s))
        self._next_seq = 0
        self._retry_at_s: float | None = None

    @property
    def interval_s(self) -> float:
        """Length of a window."""
        return self._clock.interval_s

    @property
    def wake_at_s(self) -> float:
        """When :meth:`on_timer` is due."""
        times = [self._clock.closes_at_s, self.outbox.wake_at_s, self._retry_at_s]
        return min(at_s for at_s in times if at_s is not None)

    def knows(self, digest: str, manifest: Manifest, reference: Reference) -> None:
        """Note what a package's profiles count, so that its windows can be merged."""
        for role, spec in profile_specs(manifest, reference).items():
            self._specs[digest, role] = spec

    # Inputs. Each returns the effects to carry out.

    def on_start(self, now_s: float, at_unix_s: float) -> None:
        """Begin the first window."""
        self._clock.restart(now_s, at_unix_s)

    def set_interval(self, interval_s: float, *, now_s: float, at_unix_s: float) -> None:
        """Change the length of windows; the present one ends as the new ones do.

        Raises:
            UsageError: It is too short or too long.
        """
        if checked_interval_s(interval_s) != self._clock.interval_s:
            self._clock = self._clock_of(interval_s)
            self._clock.restart(now_s, at_unix_s)

    def on_windows(
        self, entries: Sequence[WindowEntry], marks: RingMarks, now_s: float
    ) -> list[Effect]:
        """Counted windows: the answer to :class:`CollectWindows`."""
        if not entries:
            return [*self.outbox.save_due(), *self.outbox.on_timer(now_s)]
        cut = batches_of(entries, self._first._replace(seq=self._next_seq))
        self._next_seq += len(cut.batches)
        logs = [Log("warning", text) for text in cut.left_out]
        return [*logs, *self.outbox.add(cut.batches, marks, messages=cut.messages)]

    def on_save_failed(self, reason: str, now_s: float) -> list[Effect]:
        """The store refused batches: they stay in memory, unsent, and are tried again."""
        self._retry_at_s = now_s + _SAVE_RETRY_S
        return [Log("warning", f"{reason}; trying again in {_SAVE_RETRY_S:.0f} s")]

    def on_timer(self, now_s: float, at_unix_s: float) -> list[Effect]:
        """Time has passed; a window that is over is collected.

        Then everything else waits for what was collected: that may merge or forget what would be
        saved or sent in the same step.
        """
        if now_s >= self._clock.closes_at_s:
            self._clock.restart(now_s, at_unix_s)
            return [CollectWindows()]
        effects: list[Effect] = []
        if self._retry_at_s is not None and now_s >= self._retry_at_s:
            self._retry_at_s = None
            effects += self.outbox.save_due()
        return [*effects, *self.outbox.on_timer(now_s)]

    def _clock_of(self, interval_s: float) -> WindowClock:
        return WindowClock(interval_s, 0.1 * self._jitter * interval_s)


def _jitter(device: str, boot: int) -> float:
    """Return a number from 0 to 1 that differs between devices and lives."""
    digest = sha256(f"{device}/{boot}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
