"""Packages that simulated devices of one process run: fetched once, for all of them."""

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.http_source import HttpSource
from edge_contract.errors import EdgeError
from edge_contract.package import Manifest, Reference
from edgefleet.simulation.drawing import Drawing

__all__ = ["Known", "Shelf", "Waiting"]

_log = logging.getLogger("edgefleet.simulation")


@dataclass(frozen=True, slots=True)
class Known:
    """What devices need to know of a package."""

    manifest: Manifest
    reference: Reference
    drawing: Drawing


class Waiting(Protocol):
    """Is told what became of a package, on any thread."""

    def __call__(self, digest: str, known: Known | None, reason: str) -> None:
        """It is here, or ``None`` for a reason."""
        ...


class Shelf:
    """Fetches each package once, in the background, however many devices ask for it.

    Args:
        folder: For the packages.
        broker_host: Stands in for the host where a URL begins with ``:PORT``.
        tell: Hears of every package that was asked for.
    """

    def __init__(self, folder: Path, broker_host: str, tell: Waiting) -> None:
        self._store = FolderPackages(folder)
        self._source = HttpSource(broker_host)
        self._tell = tell
        self._known: dict[str, Known] = {}
        self._fetching: set[str] = set()
        self._fetcher = ThreadPoolExecutor(1, thread_name_prefix="shelf")

    def find(self, digest: str) -> Known | None:
        """Return a package that is here."""
        return self._known.get(digest)

    def want(self, digest: str, url: str) -> None:
        """Fetch a package, unless that is under way."""
        if digest not in self._fetching:
            self._fetching.add(digest)
            self._fetcher.submit(self._fetch, digest, url)

    def close(self) -> None:
        """Break off what is under way."""
        self._source.close()
        self._fetcher.shutdown(cancel_futures=True)

    def _fetch(self, digest: str, url: str) -> None:
        try:
            self._source.fetch(digest, url, self._store)
            package = self._store.load(digest)
            manifest, reference = package.manifest, package.reference()
            known = Known(manifest, reference, Drawing(manifest, reference))
        except EdgeError as error:
            _log.warning("package %s: %s", digest, error)
            self._fetching.discard(digest)
            self._tell(digest, None, str(error))
            return
        self._known[digest] = known
        self._tell(digest, known, "")
