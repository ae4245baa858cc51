"""Parcels: files as they are fetched, with what tells a damaged part of them from a good one."""

import hashlib
import io
from collections.abc import Callable
from typing import Final, Self

from edge_contract.package.digests import DIGEST_PATTERN
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["MAX_PARCEL_BYTES", "Parcel"]

MAX_PARCEL_BYTES: Final = 64 * 2**30

_LEAST_CHUNK_BYTES: Final = 2**18
_MOST_CHUNKS: Final = 4096
_DIGITS: Final = 12
"""Of a chunk's digest: enough to find damage. Whether the whole file is right, its digest says."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A file that can be fetched by its digest.

    Attributes:
        digest: Of the file.
        size_bytes: Its length.
        chunk_bytes: Length of its chunks; the last one may be shorter.
        chunks: First digits of the SHA-256 of each.
    """

    digest: str
    size_bytes: int
    chunk_bytes: int = _LEAST_CHUNK_BYTES
    chunks: tuple[str, ...] = ()

    @classmethod
    def of(cls, data: bytes) -> Self:
        """Return the parcel of a file: chunks of 256 KiB, larger ones from 1 GiB on."""
        return cls.read(io.BytesIO(data).read, size_bytes=len(data))

    @classmethod
    def read(cls, read: Callable[[int], bytes], *, size_bytes: int) -> Self:
        """Return the parcel of an open file, of which one chunk is in memory at a time.

        Args:
            read: Returns the next bytes, as many as asked for but at the end.
            size_bytes: Of the file, about: what is read decides.
        """
        chunk_bytes = _LEAST_CHUNK_BYTES
        while chunk_bytes * _MOST_CHUNKS < size_bytes:
            chunk_bytes *= 2
        whole = hashlib.sha256()
        chunks: list[str] = []
        read_bytes = 0
        while chunk := read(chunk_bytes):
            whole.update(chunk)
            chunks.append(_short_digest(chunk))
            read_bytes += len(chunk)
        return cls(f"sha256:{whole.hexdigest()}", read_bytes, chunk_bytes, tuple(chunks))

    def span(self, index: int) -> tuple[int, int]:
        """Return where a chunk begins, and where it ends."""
        start = index * self.chunk_bytes
        return start, min(start + self.chunk_bytes, self.size_bytes)

    def is_right(self, index: int, data: bytes) -> bool:
        """Return whether ``data`` is the chunk."""
        return _short_digest(data) == self.chunks[index]

    def to_json(self) -> JsonObject:
        """Return the fields by name, the chunks' digits as one text."""
        return {
            "digest": self.digest,
            "size": self.size_bytes,
            "chunk_bytes": self.chunk_bytes,
            "chunks": "".join(self.chunks),
        }

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the fields; raises the reader's error."""
        size_bytes = reader["size"].integer(low=0, high=MAX_PARCEL_BYTES)
        chunk_bytes = reader["chunk_bytes"].integer(low=1024, high=MAX_PARCEL_BYTES)
        digits = reader["chunks"].text(pattern="[0-9a-f]*", max_length=_DIGITS * _MOST_CHUNKS)
        if len(digits) != _DIGITS * -(-size_bytes // chunk_bytes):
            raise reader["chunks"].refused(
                f"{_DIGITS} digits for each {chunk_bytes} of {size_bytes} bytes"
            )
        return cls(
            digest=reader["digest"].text(pattern=DIGEST_PATTERN),
            size_bytes=size_bytes,
            chunk_bytes=chunk_bytes,
            chunks=tuple(digits[at : at + _DIGITS] for at in range(0, len(digits), _DIGITS)),
        )


def _short_digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:_DIGITS]
