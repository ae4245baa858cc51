"""The shadow's budget: which calls a candidate may repeat without harm to those it repeats.

Sans-IO: times and chance come in. Four bounds, each of which is enough to leave a call out:

* **sampling**: only this share of the calls is looked at, chosen by chance;
* **processor**: repeating takes at most this share of one core, over any minute or so;
* **the queue** that the calls wait in, which is the shell's;
* **the serving version**: calls are repeated in blocks, with blocks between in which none is. Its
  calls while others were repeated are compared with those of the blocks between: when too many are
  slower than its 99th percentile there, the shadow rests, longer each time.

What is left out by sampling, or because the shadow rests, is not counted; everything else is, as
dropped.
"""

import math
from collections import deque
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.records import dataclass

__all__ = ["LatencyWatch", "ProcessorBudget", "ShadowLimits"]

_LONGEST_DEBT_S: Final = 10.0
_BURST_S: Final = 1.0

_CONTROL_CALLS: Final = 50
_CONTROL_S: Final = 2.0
_FIRST_CALLS: Final = 100  # of either kind, so that something is known soon
_REPEATED_CALLS: Final = 300
_REMEMBERED_CONTROL: Final = 400

_LEAST_CALLS: Final = 100  # fewer do no harm, and say nothing
_QUANTILE: Final = 0.99
_SLOWER: Final = 1.5
_SLOWER_BY_US: Final = 50.0  # of calls that take microseconds half as much again is nothing
_TOO_MANY: Final = 0.03  # three times as many as were slow without the shadow
_LEAST_SLOW: Final = 5

_REST_S: Final = 600.0
_MAX_REST_S: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowLimits:
    """What a candidate in the shadow may take.

    Attributes:
        sample: Share of the calls that it repeats, above 0 to 1.
        cpu: Share of one processor core, above 0; more than 1 for models of several threads.

    Raises:
        UsageError: A value is not allowed.
    """

    sample: float = 1.0
    cpu: float = 0.25

    def __post_init__(self) -> None:
        if not 0.0 < self.sample <= 1.0:
            raise UsageError(f"shadow_sample must be above 0 and at most 1, got {self.sample}")
        if not (self.cpu > 0.0 and math.isfinite(self.cpu)):
            raise UsageError(f"shadow_cpu must be above 0 cores, got {self.cpu}")


class ProcessorBudget:
    """Processor time that comes in with the time, and goes with what is repeated.

    Args:
        share: Of one core.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._left_s = _BURST_S * share
        self._at_s: float | None = None

    def allows(self, now_s: float) -> bool:
        """Return whether there is any left now."""
        if self._at_s is not None:
            earned_s = max(now_s - self._at_s, 0.0) * self._share
            self._left_s = min(self._left_s + earned_s, _BURST_S * self._share)
        self._at_s = now_s
        return self._left_s > 0.0

    def spend(self, cpu_s: float) -> None:
        """Note what a call took; a long one is paid for by those after it."""
        self._left_s = max(self._left_s - cpu_s, -_LONGEST_DEBT_S * self._share)


class LatencyWatch:
    """Compares the serving version's calls with and without one candidate beside it.

    Attributes:
        complaint: Why the candidate rests, for people; empty while it does not.
    """

    def __init__(self) -> None:
        self.complaint = ""
        self._control: deque[float] = deque(maxlen=_REMEMBERED_CONTROL)
        self._beside: deque[float] = deque(maxlen=_REPEATED_CALLS)
        self._repeats = True
        self._calls = 0
        self._began_s: float | None = None
        self._rests_until_s = -math.inf
        self._rest_s = _REST_S

    def rests(self, now_s: float) -> bool:
        """Return whether no call is to be looked at now."""
        return now_s < self._rests_until_s

    def repeats(self, latency_us: float, now_s: float) -> bool:
        """Note a call of the serving version; return whether it may be repeated.

        Args:
            latency_us: How long it took.
            now_s: When it ended.
        """
        if self._began_s is None:
            self._began_s = now_s
            self.complaint = ""
        repeats = self._repeats
        (self._beside if repeats else self._control).append(latency_us)
        self._calls += 1
        if self._block_is_over(now_s):
            if repeats and (complaint := self._compared()):
                self._rest(complaint, now_s)
                return False
            self._repeats = not repeats
            self._calls, self._began_s = 0, now_s
        return repeats

    def _block_is_over(self, now_s: float) -> bool:
        since_s = now_s - (now_s if self._began_s is None else self._began_s)
        is_new = len(self._control) < _FIRST_CALLS
        if self._repeats:
            calls = _FIRST_CALLS if is_new else _REPEATED_CALLS
            return self._calls >= calls
        calls = _FIRST_CALLS if is_new else _CONTROL_CALLS
        return self._calls >= calls or since_s >= _CONTROL_S

    def _compared(self) -> str:
        """Return what is wrong; empty if nothing is, or too little is known."""
        if min(len(self._control), len(self._beside)) < _LEAST_CALLS:
            return ""
        usual_us = sorted(self._control)[math.ceil(_QUANTILE * len(self._control)) - 1]
        bound_us = max(_SLOWER * usual_us, usual_us + _SLOWER_BY_US)
        slow = sum(latency_us > bound_us for latency_us in self._beside)
        if slow < max(_TOO_MANY * len(self._beside), _LEAST_SLOW):
            return ""
        return (
            f"{slow} of {len(self._beside)} calls of the serving version took more than "
            f"{bound_us / 1000.0:.2f} ms beside it (99 of 100 take at most "
            f"{usual_us / 1000.0:.2f} ms without it)"
        )

    def _rest(self, complaint: str, now_s: float) -> None:
        self.complaint = f"rests for {self._rest_s / 60.0:.0f} min: {complaint}"
        self._rests_until_s = now_s + self._rest_s
        self._rest_s = min(2.0 * self._rest_s, _MAX_REST_S)
        self._control.clear()
        self._beside.clear()
        self._repeats, self._calls, self._began_s = True, 0, None
