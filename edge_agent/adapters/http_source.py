"""Fetches packages over HTTP, file by file, by digest, resuming what broke off."""

import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from edge_agent.ports import PackageStore
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import Manifest, Package
from edge_contract.package.digests import digest_of, short
from edge_contract.package.manifest import MAX_MANIFEST_BYTES

__all__ = ["HttpSource"]

_CHUNK_BYTES: Final = 1 << 16


class HttpSource:
    """A :class:`edge_agent.ports.PackageSource`: ``GET URL/DIGEST`` for manifest and files.

    Args:
        broker_host: Stands in for the host where a URL begins with ``:PORT``.
        partial: Folder where downloads wait for their rest; it exists.
        timeout_s: How long a server may be silent.
    """

    def __init__(self, broker_host: str, partial: Path, *, timeout_s: float = 20.0) -> None:
        self._broker_host = broker_host
        self._partial = partial
        self._timeout_s = timeout_s

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store."""
        if store.has(digest):
            return
        base = self._resolved(url)
        data = self._download(digest, base, MAX_MANIFEST_BYTES)
        manifest = Manifest.from_bytes(data)
        files = {
            artifact.path: self._download(artifact.digest, base, artifact.size)
            for artifact in manifest.artifacts
        }
        store.add(Package.verified(data, files))

    def _resolved(self, url: str) -> str:
        full = f"http://{_bracketed(self._broker_host)}{url}" if url.startswith(":") else url
        if urlsplit(full).scheme not in ("http", "https"):
            raise PackageError(f"packages URL {url!r} is neither http nor https")
        return full.rstrip("/")

    def _download(self, digest: str, base: str, most_bytes: int) -> bytes:
        """Return a blob; what has arrived stays here until all of it has."""
        path = self._partial / digest.replace(":", "-")
        try:
            have = path.stat().st_size if path.exists() else 0
            if have < most_bytes or not have:
                self._continue(f"{base}/{digest}", path, have, most_bytes)
            data = path.read_bytes()
        except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
            raise UnavailableError(f"cannot fetch {short(digest)} from {base}: {error}") from error
        if digest_of(data) != digest:
            path.unlink(missing_ok=True)
            raise PackageError(
                f"{base} sent {short(digest_of(data))} ({len(data)} bytes) for {short(digest)}: "
                "the registry is damaged or was tampered with"
            )
        return data

    def _continue(self, url: str, path: Path, have: int, most_bytes: int) -> None:
        request = urllib.request.Request(url)  # noqa: S310  the scheme was checked
        if have:
            request.add_header("Range", f"bytes={have}-")
        try:
            reply = urllib.request.urlopen(request, timeout=self._timeout_s)  # noqa: S310
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # all of it is here already
            if error.code == http.client.NOT_FOUND:
                raise PackageError(f"{url} does not exist in the registry") from error
            raise
        with reply, path.open("ab" if reply.status == http.client.PARTIAL_CONTENT else "wb") as out:
            written = have if reply.status == http.client.PARTIAL_CONTENT else 0
            while chunk := reply.read(_CHUNK_BYTES):
                written += len(chunk)
                if written > most_bytes:
                    raise PackageError(f"{url} sends more than the {most_bytes} bytes expected")
                out.write(chunk)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
