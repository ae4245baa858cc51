"""Files in memory that outlive their process, with a header that says what they are.

A header is words of 8 bytes. The first says which kind of file it is, the second which one of that
kind: what is made anew has another identifier, by which whoever saved how far he was knows that it
is not the same.
"""

import mmap
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError

__all__ = ["HEADER_BYTES", "begin_header", "header_id", "id_in_file", "is_header_of", "mapped"]

HEADER_BYTES: Final = 128

_KIND, _IDENTIFIER = 0, 1


def begin_header(header: "memoryview[int]", kind: int, words: Mapping[int, int]) -> None:
    """Write a header under a new identifier.

    Args:
        header: In words.
        kind: Names the layout of the file.
        words: What else stands in the header, by place; the others are 0.
    """
    header[_KIND] = 0  # so that a start that is cut off here is not taken for such a file
    for place in range(_IDENTIFIER + 1, len(header)):
        header[place] = words.get(place, 0)
    header[_IDENTIFIER] = int.from_bytes(os.urandom(8), "big")
    header[_KIND] = kind


def is_header_of(header: "memoryview[int]", kind: int, words: Mapping[int, int]) -> bool:
    """Return whether a header is of that kind and has these words."""
    return header[_KIND] == kind and all(header[place] == word for place, word in words.items())


def header_id(header: "memoryview[int]") -> str:
    """Return the identifier in a header."""
    return f"{header[_IDENTIFIER]:016x}"


def id_in_file(path: Path, kind: int) -> str | None:
    """Return the identifier in the header of a file; ``None`` if it is not of that kind."""
    try:
        with path.open("rb") as file:
            found, identifier = struct.unpack("=QQ", file.read(16))
    except (OSError, struct.error):
        return None
    return f"{identifier:016x}" if found == kind else None


def mapped(path: Path, size: int, *, at_once: bool = False) -> mmap.mmap:
    """Map a file of that size, made or made anew if it is another.

    Args:
        path: The file.
        size: In bytes.
        at_once: Whether all of it will be used soon, so that no page is waited for later.

    Raises:
        UnavailableError: It cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if os.fstat(handle).st_size != size:
                _reserve(handle, path, size)
            if at_once and hasattr(mmap, "MAP_POPULATE"):
                return mmap.mmap(handle, size, flags=mmap.MAP_SHARED | mmap.MAP_POPULATE)
            return mmap.mmap(handle, size)
        finally:
            os.close(handle)
    except OSError as error:
        raise UnavailableError(
            f"cannot make file {str(path)!r} ({size} bytes): {error.strerror}; "
            "make room on its disk"
        ) from error


def _reserve(handle: int, path: Path, size: int) -> None:
    """Make the file that long, with room on the disk: writing into a hole could end the process."""
    try:
        os.ftruncate(handle, 0)
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(handle, 0, size)
        else:
            with os.fdopen(handle, "r+b", closefd=False) as file:
                file.write(bytes(size))
    except OSError:
        path.unlink()
        raise
