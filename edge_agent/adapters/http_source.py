"""Fetches packages over HTTP, file by file, by the smallest ways that the registry offers."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import urlencode

from edge_agent.adapters.compressions import compressions_here
from edge_agent.adapters.file_ways import FileWays, place_of
from edge_agent.adapters.http_files import HttpFiles, RefusedError
from edge_agent.ports import PackageStore
from edge_contract.delta import MAX_BASES, MAX_OFFER_BYTES, Compression, Offer
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.messages import Downloads
from edge_contract.package import MANIFEST_NAME, Artifact, Manifest, Package
from edge_contract.package.manifest import MAX_MANIFEST_BYTES

__all__ = ["HttpSource", "resolved_url"]

_MOST_BREAKS: Final = 2
_ASK_AGAIN_S: Final = 0.5  # and twice as long each time
_WORTH_WAITING_BYTES: Final = 2**17
_SPARE_BYTES: Final = 4 * 2**20


class HttpSource:
    """A :class:`edge_agent.ports.PackageSource`: ``GET URL/DIGEST`` for manifest and files.

    A registry may offer smaller ways (``GET URL/DIGEST/offer``, see ``docs/deltas.md``); a server
    that knows no offers gives whole files.

    Args:
        broker_host: Stands in for the host where a URL begins with ``:PORT``.
        timeout_s: How long a server may be silent.
        compressions: Returns those that deltas may use; asked only when something is fetched.
        patience_s: How long about to wait for deltas that are just being made, where there is much
            to fetch and an older version serves meanwhile.
        memory_left: Says how much memory applying a delta may take, old file and new one included;
            ``None`` for 1 GiB. What would need more comes whole.
        ca_file: Certificates to trust over HTTPS; ``None`` for the system's.
    """

    def __init__(
        self,
        broker_host: str,
        *,
        timeout_s: float = 20.0,
        compressions: Callable[[], Sequence[Compression]] = compressions_here,
        patience_s: float = 5.0,
        memory_left: Callable[[], int | None] = lambda: None,
        ca_file: str | None = None,
    ) -> None:
        self._broker_host = broker_host
        self._ca_file = ca_file
        self._timeout_s = timeout_s
        self._compressions = compressions
        self._patience_s = patience_s
        self._leaving = threading.Event()
        self._spent = Downloads()
        self._breaks: Counter[str] = Counter()  # of connections, by package that was asked for
        self._ways = FileWays(compressions, memory_left=memory_left, tell=self._tell)

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store."""
        files = HttpFiles(
            resolved_url(url, self._broker_host),
            timeout_s=self._timeout_s,
            leaving=self._leaving,
            ca_file=self._ca_file,
        )
        folder = store.downloads(digest)
        manifest_bytes = store.intact_file(digest, MANIFEST_NAME)
        is_known = manifest_bytes is not None
        offer = None if is_known else self._offer(digest, files, store)
        if manifest_bytes is None:
            unknown = Artifact("manifest", MANIFEST_NAME, "", digest, MAX_MANIFEST_BYTES)
            found = None if offer is None else offer.of(digest)
            manifest_bytes = self._ways.bring(
                unknown, found, files=files, store=store, folder=folder
            )
        manifest = Manifest.from_bytes(manifest_bytes)
        here = self._here(digest, manifest, store)
        missing = [artifact for artifact in manifest.artifacts if artifact.path not in here]
        if missing:
            _require_room(digest, manifest, missing, store)
        if missing and is_known:
            offer = self._offer(digest, files, store)
        for artifact in missing:
            found = None if offer is None else offer.of(artifact.digest)
            here[artifact.path] = self._ways.bring(
                artifact, found, files=files, store=store, folder=folder
            )
        store.add(Package.verified(manifest_bytes, here))

    def spent(self) -> Downloads:
        """Return what came since this was asked the last time."""
        spent, self._spent = self._spent, Downloads()
        return spent

    def close(self) -> None:
        """Break off a download that is under way; it may be resumed by the next start."""
        self._leaving.set()

    def _tell(self, more: Downloads) -> None:
        self._spent = self._spent.plus(more)

    def _here(self, digest: str, manifest: Manifest, store: PackageStore) -> dict[str, bytes]:
        """Return the files that are here already, in this package or in another one."""
        found: dict[str, bytes] = {}
        for artifact in manifest.artifacts:
            data = store.intact_file(digest, artifact.path)
            if data is None and (data := store.file_of(artifact.digest)) is not None:
                self._tell(Downloads(reused_bytes=len(data)))
            if data is not None:
                found[artifact.path] = data
        return found

    def _offer(self, digest: str, files: HttpFiles, store: PackageStore) -> Offer | None:
        """Ask for ways that begin at what is here; wait a little for those that are being made."""
        bases = [base for base in store.whole() if base != digest][:MAX_BASES]
        asked = [("have", base) for base in bases]
        asked += [("with", compression.name) for compression in self._compressions()]
        place = f"{digest}/offer?{urlencode(asked)}"
        ends_s = time.monotonic() + (self._patience_s if bases else 0.0)
        wait_s = _ASK_AGAIN_S
        while True:
            try:
                data = files.answer(place, most_bytes=MAX_OFFER_BYTES)
                offer = None if data is None else Offer.from_bytes(data)
            except (PackageError, RefusedError) as error:
                self._tell(Downloads(fallbacks=1, reason=f"no offer of smaller ways: {error}"))
                return None
            except UnavailableError as error:
                self._breaks[digest] += 1
                if self._breaks[digest] < _MOST_BREAKS:
                    raise  # a lost connection is no reason to fetch much more than there must be
                self._tell(Downloads(fallbacks=1, reason=f"no offer of smaller ways: {error}"))
                return None
            finally:
                self._tell(Downloads(offer_bytes=files.traffic().fetched_bytes))
            if offer is None or not offer.is_growing or not _is_worth_waiting(offer):
                return offer
            if time.monotonic() >= ends_s or self._leaving.wait(wait_s):
                return offer
            wait_s *= 2.0


def resolved_url(url: str, broker_host: str) -> str:
    """Return where packages are: what names no host is on the one that the broker is reached on.

    That is ``:PORT/path``, over plain HTTP, and ``https://:PORT/path``.
    """
    full = f"http://{url}" if url.startswith(":") else url
    return full.replace("://:", f"://{_bracketed(broker_host)}:", 1).rstrip("/")


def _require_room(
    digest: str, manifest: Manifest, missing: Sequence[Artifact], store: PackageStore
) -> None:
    """Refuse before anything is fetched; files lie here twice until the package is whole."""
    folder = store.downloads(digest)
    places = [(artifact.size, place_of(folder, artifact.digest)) for artifact in missing]
    to_fetch_bytes = sum(
        max(size - (place.stat().st_size if place.exists() else 0), 0) for size, place in places
    )
    to_keep_bytes = sum(artifact.size for artifact in manifest.artifacts)
    needed_bytes = to_fetch_bytes + to_keep_bytes + _SPARE_BYTES
    free_bytes = store.free_bytes()
    if free_bytes < needed_bytes:
        raise UnavailableError(
            f"no room for {manifest.reference}: {needed_bytes} bytes are needed ({to_fetch_bytes} "
            f"to fetch, {to_keep_bytes} to put it together, {_SPARE_BYTES} to spare), "
            f"{free_bytes} are free; free {needed_bytes - free_bytes} more"
        )


def _is_worth_waiting(offer: Offer) -> bool:
    """Return whether much would come whole, or compressed alone, for want of a delta."""
    left = [file for file in offer.files if not any(way.old for way in file.ways)]
    return sum(file.whole.size_bytes for file in left) >= _WORTH_WAITING_BYTES


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
