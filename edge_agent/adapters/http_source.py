"""Fetches packages over HTTP, file by file, by digest, resuming what broke off."""

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge_agent.ports import PackageStore
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import MANIFEST_NAME, Manifest, Package, digest_of, short
from edge_contract.package.manifest import MAX_MANIFEST_BYTES

__all__ = ["HttpSource"]

_CHUNK_BYTES: Final = 1 << 16


class HttpSource:
    """A :class:`edge_agent.ports.PackageSource`: ``GET URL/DIGEST`` for manifest and files.

    Args:
        broker_host: Stands in for the host where a URL begins with ``:PORT``.
        downloads: Returns the folder where the files of a package wait for the rest of them.
        timeout_s: How long a server may be silent.
    """

    def __init__(
        self, broker_host: str, downloads: Callable[[str], Path], *, timeout_s: float = 20.0
    ) -> None:
        self._broker_host = broker_host
        self._downloads = downloads
        self._timeout_s = timeout_s
        self._leaving = threading.Event()

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store."""
        data = store.intact_file(digest, MANIFEST_NAME)
        if data is None:
            data = self._download(digest, url, digest, MAX_MANIFEST_BYTES)
        manifest = Manifest.from_bytes(data)
        files: dict[str, bytes] = {}
        for artifact in manifest.artifacts:
            kept = store.intact_file(digest, artifact.path)
            if kept is None:
                kept = self._download(digest, url, artifact.digest, artifact.size)
            files[artifact.path] = kept
        store.add(Package.verified(data, files))

    def close(self) -> None:
        """Break off a download that is under way; it may be resumed by the next start."""
        self._leaving.set()

    def _download(self, package: str, url: str, digest: str, most_bytes: int) -> bytes:
        """Return a file; what has arrived stays on the disk until all of it has."""
        base = self._resolved(url)
        path = self._downloads(package) / digest.replace(":", "-")
        while True:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                had = path.stat().st_size if path.exists() else 0
                if had < most_bytes or not had:
                    self._continue(f"{base}/{digest}", path, had, most_bytes)
                data = path.read_bytes()
            except (OSError, http.client.HTTPException) as error:
                raise UnavailableError(
                    f"cannot fetch {short(digest)} from {base}: {error}"
                ) from error
            if digest_of(data) == digest:
                return data
            path.unlink()
            if not had:
                raise PackageError(
                    f"{base} sent {short(digest_of(data))} ({len(data)} bytes) for "
                    f"{short(digest)}: the registry is damaged or was tampered with"
                )
            # The part that was here before may be what is wrong: begin anew.

    def _resolved(self, url: str) -> str:
        full = f"http://{_bracketed(self._broker_host)}{url}" if url.startswith(":") else url
        if urlsplit(full).scheme not in ("http", "https"):
            raise PackageError(f"packages URL {url!r} is neither http nor https")
        return full.rstrip("/")

    def _continue(self, url: str, path: Path, had: int, most_bytes: int) -> None:
        """Append what the server has beyond the first ``had`` bytes, or write it all anew."""
        request = urllib.request.Request(url)  # noqa: S310  the scheme was checked
        if had:
            request.add_header("Range", f"bytes={had}-")
        try:
            reply = urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # there is no more than what is here
            if error.code == http.client.NOT_FOUND:
                raise PackageError(f"{url} does not exist in the registry") from error
            raise
        is_rest = reply.status == http.client.PARTIAL_CONTENT
        written = had if is_rest else 0
        with reply, path.open("ab" if is_rest else "wb") as out:
            while chunk := reply.read1(_CHUNK_BYTES):  # what is there, so that leaving is quick
                if self._leaving.is_set():
                    raise UnavailableError(f"{url} was not fetched: the agent leaves")
                written += len(chunk)
                if written > most_bytes:
                    out.truncate(0)
                    raise PackageError(f"{url} sends more than the {most_bytes} bytes expected")
                out.write(chunk)
            if reply.length:  # of which http.client says nothing when it reads by chunks
                raise http.client.IncompleteRead(b"", reply.length)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
