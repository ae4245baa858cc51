"""A source of packages that is made when the first package is wanted."""

import threading
from collections.abc import Callable

from edge_agent.ports import PackageSource, PackageStore
from edge_contract.messages import Downloads

__all__ = ["LaterSource"]


class LaterSource:
    """A :class:`edge_agent.ports.PackageSource`, without what it takes until it is used.

    Devices start more often than they are updated, and all that downloads and tries packages takes
    megabytes.

    Args:
        make: Makes the source.
    """

    def __init__(self, make: Callable[[], PackageSource]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._source: PackageSource | None = None
        self._is_closed = False

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store; raises what the source raises."""
        self._made().fetch(digest, url, store)

    def spent(self) -> Downloads:
        """Return what came since this was asked the last time."""
        return Downloads() if self._source is None else self._source.spent()

    def close(self) -> None:
        """Let a :meth:`fetch` on another thread end soon."""
        with self._lock:
            self._is_closed = True
            if self._source is not None:
                self._source.close()

    def _made(self) -> PackageSource:
        with self._lock:
            if self._source is None:
                self._source = self._make()
                if self._is_closed:
                    self._source.close()
            return self._source
