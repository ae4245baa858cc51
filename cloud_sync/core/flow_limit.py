"""Bounds how fast a device may speak, so that a flood of one leaves time for the others."""

from typing import Final

from edge_contract.errors import UsageError

__all__ = ["FlowLimit"]

_UNIT_BYTES: Final = 16_384
_MOST_DEVICES: Final = 200_000


class FlowLimit:
    """Counts messages of each device; one of many bytes counts as several. One thread at a time.

    Args:
        per_s: Messages a second in the long run, with up to 16 kB each.
        burst: So many may come at once, as after a time offline.

    Raises:
        UsageError: One of them is below 1.
    """

    def __init__(self, *, per_s: float = 100.0, burst: float = 3_000.0) -> None:
        if not (per_s >= 1 and burst >= 1):
            raise UsageError(f"a device may send 1 message a second or more, got {per_s}, {burst}")
        self._per_s = per_s
        self._burst = burst
        self._spent: dict[str, tuple[float, float]] = {}  # by device: debt, and when it was that

    def allows(self, device: str, size_bytes: int, now_s: float) -> bool:
        """Return whether a message is within the limits, and count it if it is."""
        debt, then_s = self._spent.get(device, (0.0, now_s))
        debt = max(debt - (now_s - then_s) * self._per_s, 0.0) + 1.0 + size_bytes // _UNIT_BYTES
        if debt > self._burst:
            return False
        if not debt > 1.0 and len(self._spent) >= _MOST_DEVICES:
            self._spent.clear()  # who owes nothing need not be remembered; the others begin anew
        self._spent[device] = debt, now_s
        return True
