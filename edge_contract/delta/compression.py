"""The compressions that a delta may use: a port, and the one that every Python brings."""

import zlib
from typing import ClassVar, Final, Protocol

from edge_contract.errors import PackageError

__all__ = ["Compression", "Zlib"]

_WINDOW_BYTES: Final = 32_768


class Compression(Protocol):
    """Makes bytes smaller and gives them back.

    Laws, for all ``data`` and ``known``:

    * ``expand(compress(data, known), known, size_bytes=len(data)) == data``;
    * :meth:`expand` never holds more than ``size_bytes`` and a constant beside what it was given.
    """

    name: ClassVar[str]
    """Of four lower-case letters, as it stands in a delta."""

    def compress(self, data: bytes, known: bytes = b"") -> bytes:
        """Return ``data`` in fewer bytes; the receiver has ``known`` already."""
        ...

    def expand(self, packed: bytes, known: bytes = b"", *, size_bytes: int) -> bytes:
        """Return what was compressed.

        Raises:
            PackageError: It is damaged, or does not have exactly ``size_bytes``.
        """
        ...


class Zlib:
    """Deflate, which every Python has; of what the receiver knows it sees the last 32 kB."""

    name: ClassVar[str] = "zlib"

    def compress(self, data: bytes, known: bytes = b"") -> bytes:
        """Return zlib data at level 9."""
        deflater = zlib.compressobj(9, zdict=known[-_WINDOW_BYTES:])
        return deflater.compress(data) + deflater.flush()

    def expand(self, packed: bytes, known: bytes = b"", *, size_bytes: int) -> bytes:
        """Return what was compressed, if it has ``size_bytes``."""
        inflater = zlib.decompressobj(zdict=known[-_WINDOW_BYTES:])
        try:
            data = inflater.decompress(packed, size_bytes + 1)
        except zlib.error as error:
            raise PackageError(f"delta holds no readable zlib data: {error}") from error
        if len(data) != size_bytes or not inflater.eof or inflater.unused_data:
            raise PackageError(
                f"delta holds zlib data that is cut off or does not have {size_bytes} bytes"
            )
        return data
