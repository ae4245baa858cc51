"""The update gate: whether a version that is ready may begin to serve now, and if not, why.

Three things close it, for all models of a device alike:

* the application holds updates, for as long as a moment lasts in which nothing may change;
* the device only downloads: somebody says when a version begins;
* it is not the time for it: no maintenance window is open.

Only the first one holds up everything. Going back to a version that was confirmed good here is no
update, and neither is the first version of a device on which none serves: the other two let both
pass. What goes wrong on trial is taken back at once, whatever is closed, and so is nothing ever
given up for having waited.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from edge_agent.core.slots import Slot
from edge_agent.core.wording import fitting
from edge_contract.errors import UsageError
from edge_contract.messages.telemetry import LATEST_UNIX_S

if TYPE_CHECKING:
    from edge_contract.maintenance import LocalWindow

__all__ = ["UpdateGate"]

_LOOK_AGAIN_S: Final = 60.0  # clocks are set right, and no window is shorter
_EARLIEST_UNIX_S: Final = 1_704_067_200.0  # 2024: a clock that says less has never been set
_MAX_REASON: Final = 200
_ONLY_DOWNLOADS: Final = "this device only downloads: install-update lets it serve"
_CLOCK_IS_WRONG: Final = "the clock is wrong, so nobody knows whether a maintenance window is open"


class UpdateGate:
    """Whether updates may begin.

    Args:
        download_only: Whether they wait until somebody says that they shall.
        windows: When they may begin; at any time if there are none.
    """

    def __init__(
        self, *, download_only: bool = False, windows: "Sequence[LocalWindow]" = ()
    ) -> None:
        self._download_only = download_only
        self._windows = tuple(windows)
        self._holds: list[str] = []
        self._ahead_s: float | None = None
        self._out_of_time = "" if not self._windows else _CLOCK_IS_WRONG

    @property
    def is_held(self) -> bool:
        """Whether the application lets nothing change."""
        return bool(self._holds)

    def objection(self, slot: Slot, allowed: str) -> str:
        """Return why a slot may not take over from the one that serves; empty if it may.

        Args:
            slot: What would serve.
            allowed: Digest of a version of which somebody said that it shall begin.
        """
        if self._holds:
            reason = self._holds[0]
            return f"held by the application: {reason}" if reason else "held by the application"
        if slot.good or slot.digest == allowed:
            return ""
        return _ONLY_DOWNLOADS if self._download_only else self._out_of_time

    def in_words(self) -> str:
        """Return what keeps updates waiting, now or at other times; empty if nothing does."""
        parts = []
        if self._holds:
            reasons = ", ".join(dict.fromkeys(filter(None, self._holds)))
            parts.append(f"held by the application{': ' if reasons else ''}{reasons}")
        if self._download_only:
            parts.append("download only")
        if self._windows:
            state = "closed" if self._out_of_time else "open"
            state = "the clock is wrong" if self._out_of_time == _CLOCK_IS_WRONG else state
            parts.append(f"maintenance window {self._listed()} ({state})")
        return fitting("; ".join(parts))

    # What changes it.

    def hold(self, reason: str) -> None:
        """The application lets nothing change, until it lets go as often as it held."""
        self._holds.append(reason[:_MAX_REASON])

    def release(self, reason: str) -> None:
        """The application lets go of what it held for the same reason.

        Raises:
            UsageError: It held nothing for that reason.
        """
        try:
            self._holds.remove(reason[:_MAX_REASON])
        except ValueError:
            raise UsageError(f"updates are not held for reason {reason!r}") from None

    def set_clock(self, now_s: float, at_unix_s: float) -> None:
        """Note what the clock on the wall says; to be repeated, because it may be set."""
        self._ahead_s = at_unix_s - now_s
        self.pass_time(now_s)

    def pass_time(self, now_s: float) -> None:
        """Note what time it is, as far as the wall's clock was looked at."""
        if self._windows and self._ahead_s is not None:
            self._out_of_time = self._judged(now_s + self._ahead_s)

    def look_again_at_s(self, now_s: float) -> float | None:
        """Return when time may have opened it; ``None`` if that is no matter of time."""
        return now_s + _LOOK_AGAIN_S if self._out_of_time else None

    def _judged(self, at_unix_s: float) -> str:
        if not _EARLIEST_UNIX_S <= at_unix_s <= LATEST_UNIX_S:
            return _CLOCK_IS_WRONG
        if any(window.is_open(at_unix_s) for window in self._windows):
            return ""
        return f"until the maintenance window {self._listed()} opens"

    def _listed(self) -> str:
        return " or ".join(map(str, self._windows))
