"""Lets a package in only if those who may have released it."""

from collections.abc import Callable

from edge_agent.adapters.tuf_verifier import TufVerifier
from edge_agent.ports import PackageSource, PackageStore
from edge_contract.messages import Downloads

__all__ = ["ReleasedSource"]


class ReleasedSource:
    """A :class:`edge_agent.ports.PackageSource` in front of another one.

    Args:
        source: Where packages come from.
        verifier: Says what was released.
        metadata_url: Says where metadata is, from the URL of packages.
    """

    def __init__(
        self, source: PackageSource, verifier: TufVerifier, metadata_url: Callable[[str], str]
    ) -> None:
        self._source = source
        self._verifier = verifier
        self._metadata_url = metadata_url

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store, and raise ``PackageError`` if it was not released."""
        self._source.fetch(digest, url, store)
        self._verifier.require_released(store.load(digest), self._metadata_url(url))

    def spent(self) -> Downloads:
        """Return what came since this was asked the last time."""
        return self._source.spent()

    def close(self) -> None:
        """Let a :meth:`fetch` on another thread end soon."""
        self._source.close()
