"""How often somebody may ask: everybody a lot, who proves nothing a little."""

import threading
import time
from collections.abc import Callable
from typing import Final

from starlette.types import Scope

from cloud_sync.api.problems import ApiError
from cloud_sync.core.flow_limit import FlowLimit

__all__ = ["Rates"]

_WAIT_S: Final = 1
_LOGIN_WAIT_S: Final = 5
_LOGINS_AT_ONCE: Final = 10


class Rates:
    """Refuses what comes too fast. Thread-safe.

    By network address, so a proxy before the cloud counts as one who asks; whoever has a token is
    not held up by others who have none.

    Args:
        per_s: Requests a second of one who has shown a token, or needs none; and ten times as many
            at once.
        failures_per_s: Wrong tokens a second from one address, and joins of devices; and fifty
            times as many at once.
        clock_s: Gives monotonic seconds.
    """

    def __init__(
        self,
        *,
        per_s: float,
        failures_per_s: float,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._requests = FlowLimit(per_s=per_s, burst=10.0 * per_s)
        self._failures = FlowLimit(per_s=failures_per_s, burst=50.0 * failures_per_s)
        self._logins = FlowLimit(per_s=1.0, burst=float(_LOGIN_WAIT_S * _LOGINS_AT_ONCE))
        self._clock_s = clock_s
        self._lock = threading.Lock()

    def count(self, scope: Scope, name: str) -> None:
        """Count a request of somebody; raises ``ApiError`` if there are too many."""
        self._require(self._requests, f"{name}@{_address(scope)}")

    def count_unproven(self, scope: Scope) -> None:
        """Count one that proves nothing; raises ``ApiError`` if there are too many."""
        self._require(self._failures, _address(scope))

    def count_login(self, scope: Scope) -> None:
        """Count an attempt to log in; raises ``ApiError`` if there are too many.

        Ten at once from an address, and then one in five seconds: people type no faster.
        """
        address = _address(scope)
        for _ in range(_LOGIN_WAIT_S):
            self._require(self._logins, address, wait_s=_LOGIN_WAIT_S)

    def _require(self, limit: FlowLimit, key: str, *, wait_s: int = _WAIT_S) -> None:
        with self._lock:
            allowed = limit.allows(key, 0, self._clock_s())
        if not allowed:
            raise ApiError(
                "too-many",
                "too many requests from this address",
                headers={"Retry-After": str(wait_s)},
            )


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
