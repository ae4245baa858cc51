"""Reads the one-file form where it is written as edgefleet writes it.

``zipfile`` brings all compressions with it, which takes longer than opening a package; members that
are stored need none. Whatever is not exactly as expected is left to ``zipfile``, which knows why.
"""

import struct
from binascii import crc32
from typing import Final

__all__ = ["stored_files"]

_END: Final = struct.Struct("<4s4H2IH")
_ENTRY: Final = struct.Struct("<4s6H3I5H2I")
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_PLAIN: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def stored_files(data: bytes) -> dict[str, bytes] | None:
    """Return the members of a zip by name; ``None`` if anything about it is unusual.

    Every member is stored, whole and right by its checksum, follows the one before, and has a plain
    name that no other has; nothing lies between them or around them.
    """
    try:
        return _read(data)
    except struct.error:
        return None


def _read(data: bytes) -> dict[str, bytes] | None:
    end_at = len(data) - _END.size
    if end_at < 0:
        return None
    mark, disk, first_disk, here, count, size, at, comment = _END.unpack_from(data, end_at)
    if mark != b"PK\5\6" or disk or first_disk or here != count or comment or at + size != end_at:
        return None
    files: dict[str, bytes] = {}
    begins = 0
    for _ in range(count):
        (mark, _, _, flags, method, _, _, check, packed, length, name_length, extra, note,
         disk, _, _, local_at) = _ENTRY.unpack_from(data, at)  # fmt: skip
        name = data[at + _ENTRY.size : at + _ENTRY.size + name_length]
        at += _ENTRY.size + name_length
        is_plain = mark == b"PK\1\2" and not (flags or method or extra or note or disk)
        if not is_plain or packed != length or local_at != begins or not _PLAIN.issuperset(name):
            return None
        local = _LOCAL.unpack_from(data, local_at)
        content_at = local_at + _LOCAL.size + name_length
        content = data[content_at : content_at + length]
        is_same = local[0] == b"PK\3\4" and local[2:4] == (0, 0) and local[10] == 0
        is_same = is_same and local[6:10] == (check, packed, length, name_length)
        if not is_same or data[local_at + _LOCAL.size : content_at] != name:
            return None
        if len(content) != length or crc32(content) != check or name.decode() in files:
            return None
        files[name.decode()] = content
        begins = content_at + length
    return files if at == end_at and begins == end_at - size else None
