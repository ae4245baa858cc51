"""Files by digest over HTTP: what broke off is resumed, and damaged chunks are fetched again."""

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from edge_agent.adapters.web import tls_to
from edge_contract.delta import Parcel
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import digest_of, short

__all__ = ["HttpFiles", "RefusedError", "Traffic"]

_BLOCK_BYTES: Final = 1 << 16
_CHUNK_TRIES: Final = 3


class Traffic(NamedTuple):
    """What the network did.

    Attributes:
        fetched_bytes: All that came, whatever it was good for.
        again_bytes: Of it, chunks that were to replace damaged ones.
        resumed_bytes: What did not have to come, because an earlier download had brought it.
    """

    fetched_bytes: int
    again_bytes: int
    resumed_bytes: int


class RefusedError(UnavailableError):
    """The server answered, but not with the file: another way may work at once."""


class HttpFiles:
    """Fetches ``BASE/DIGEST`` into files of this device, one call at a time.

    Args:
        base: URL without a slash at its end.
        timeout_s: How long the server may be silent.
        leaving: Set when a download shall break off.
        ca_file: Certificates to trust over HTTPS; ``None`` for the system's.
    """

    def __init__(
        self,
        base: str,
        *,
        timeout_s: float,
        leaving: threading.Event,
        ca_file: str | None = None,
    ) -> None:
        self.base = base
        self._timeout_s = timeout_s
        self._leaving = leaving
        self._tls = tls_to(base, ca_file)
        self._fetched_bytes = self._again_bytes = self._resumed_bytes = 0

    def traffic(self) -> Traffic:
        """Return what came since this was asked the last time."""
        traffic = Traffic(self._fetched_bytes, self._again_bytes, self._resumed_bytes)
        self._fetched_bytes = self._again_bytes = self._resumed_bytes = 0
        return traffic

    def bring(
        self, digest: str, path: Path, *, most_bytes: int, parcel: Parcel | None = None
    ) -> bytes:
        """Return a file; what has arrived stays at ``path`` until all of it has, and then too.

        Args:
            digest: Of the file.
            path: What is there already is the beginning of it, or damaged.
            most_bytes: Its length, or a bound of it.
            parcel: Its chunks, if they are known.

        Raises:
            PackageError: The server has other content, or too much of it.
            RefusedError: The server does not give it.
            UnavailableError: The connection broke, or the disk is full.
        """
        while True:
            with self._errors(digest):
                path.parent.mkdir(parents=True, exist_ok=True)
                had = path.stat().st_size if path.exists() else 0
                if had < most_bytes or not had:
                    self._continue(digest, path, had, most_bytes)
                data = path.read_bytes()
                if digest_of(data) == digest:
                    self._resumed_bytes += had
                    return data
                if parcel is not None and parcel.digest == digest:
                    data = self._mended(data, path, parcel)
                    if digest_of(data) == digest:
                        self._resumed_bytes += had
                        return data
                path.unlink()
            if not had:
                raise PackageError(
                    f"{self.base} sent {short(digest_of(data))} ({len(data)} bytes) for "
                    f"{short(digest)}: the registry is damaged or was tampered with"
                )
            # The part that was here before may be what is wrong: begin anew.

    def answer(self, path_and_query: str, *, most_bytes: int) -> bytes | None:
        """Return a short answer, or ``None`` if there is nothing at this place.

        Raises:
            UnavailableError: It cannot be had, or is too long.
        """
        with self._errors(path_and_query):
            request = self._request(path_and_query)
            try:
                reply = self._opened(request)
            except RefusedError as error:
                if _status_of(error) == http.client.NOT_FOUND:
                    return None
                raise
            with reply:
                data = reply.read(most_bytes + 1)
                left_bytes = reply.length
            self._fetched_bytes += len(data)
            if len(data) > most_bytes:
                raise RefusedError(f"{request.full_url} sends more than {most_bytes} bytes")
            if left_bytes:
                raise http.client.IncompleteRead(data, left_bytes)
        return data

    def _continue(self, digest: str, path: Path, had: int, most_bytes: int) -> None:
        """Append what the server has beyond the first ``had`` bytes, or write it all anew."""
        request = self._request(digest)
        if had:
            request.add_header("Range", f"bytes={had}-")
        try:
            reply = self._opened(request)
        except RefusedError as error:
            if _status_of(error) == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # there is no more than what is here
            if _status_of(error) == http.client.NOT_FOUND:
                text = f"{request.full_url} does not exist in the registry"
                raise PackageError(text) from error
            raise
        is_rest = reply.status == http.client.PARTIAL_CONTENT
        written = had if is_rest else 0
        with reply, path.open("ab" if is_rest else "wb") as out:
            for block in self._blocks(reply):
                written += len(block)
                if written > most_bytes:
                    out.truncate(0)
                    raise PackageError(
                        f"{request.full_url} sends more than the {most_bytes} bytes expected"
                    )
                out.write(block)
                out.flush()  # so that nothing that came is lost with the process

    def _mended(self, data: bytes, path: Path, parcel: Parcel) -> bytes:
        """Fetch the chunks that are damaged, each by itself; what stays damaged stays as it is."""
        whole = bytearray(data[: parcel.size_bytes].ljust(parcel.size_bytes, b"\0"))
        for index in range(len(parcel.chunks)):
            start, end = parcel.span(index)
            if parcel.is_right(index, bytes(whole[start:end])):
                continue
            for _ in range(_CHUNK_TRIES):
                chunk = self._part(parcel.digest, start, end)
                if chunk is None:
                    return data  # the server knows no ranges
                self._again_bytes += len(chunk)
                if parcel.is_right(index, chunk):
                    whole[start:end] = chunk
                    break
        path.write_bytes(whole)
        return bytes(whole)

    def _part(self, digest: str, start: int, end: int) -> bytes | None:
        request = self._request(digest)
        request.add_header("Range", f"bytes={start}-{end - 1}")
        with self._opened(request) as reply:
            if reply.status != http.client.PARTIAL_CONTENT:
                return None
            found = bytearray()
            for block in self._blocks(reply):
                found += block
                if len(found) > end - start:
                    return None
            return bytes(found)

    def _blocks(self, reply: HTTPResponse) -> Iterator[bytes]:
        while block := reply.read1(_BLOCK_BYTES):  # what is there, so that leaving is quick
            if self._leaving.is_set():
                raise UnavailableError(f"{reply.url} was not fetched: the agent leaves")
            self._fetched_bytes += len(block)
            yield block
        if reply.length:  # of which http.client says nothing when it reads by chunks
            raise http.client.IncompleteRead(b"", reply.length)

    def _request(self, name: str) -> urllib.request.Request:
        if urlsplit(self.base).scheme not in ("http", "https"):
            raise PackageError(f"packages URL {self.base!r} is neither http nor https")
        return urllib.request.Request(f"{self.base}/{name}")  # noqa: S310  its scheme was checked

    def _opened(self, request: urllib.request.Request) -> HTTPResponse:
        try:
            reply: HTTPResponse = urllib.request.urlopen(  # noqa: S310
                request, timeout=self._timeout_s, context=self._tls
            )
        except urllib.error.HTTPError as error:
            error.close()
            raise RefusedError(f"cannot fetch {request.full_url}: {error}") from error
        return reply

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            raise UnavailableError(
                f"cannot fetch {short(name)} from {self.base}: {error}"
            ) from error


def _status_of(error: RefusedError) -> int:
    cause = error.__cause__
    return cause.code if isinstance(cause, urllib.error.HTTPError) else 0
