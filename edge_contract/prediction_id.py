"""Prediction ids: what a label needs, in a text that survives restarts, updates and other systems.

``PACKAGE.BODY``: the first digits of the package's digest, and in URL-safe base64 a checksum, the
number of the first row, how many rows there are, and of each its predicted class (an index) and its
score. Whoever has the id and the package can count a truth; a checksum tells an id that was cut off
or mistyped, and keeps nobody from making one up.
"""

import binascii
import struct
import zlib
from typing import Final, NamedTuple

from edge_contract.errors import UsageError
from edge_contract.sha256 import sha256

__all__ = ["PREFIX_CHARACTERS", "PredictionRows", "label_key", "read_id", "written_id"]

PREFIX_CHARACTERS: Final = 12
"""Digits of the package's digest that an id begins with."""

_HEAD: Final = struct.Struct("<IQI")  # checksum, number of the first row, rows
_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")

_SHA256: Final = "sha256:"


class PredictionRows(NamedTuple):
    """An id that was read.

    Attributes:
        package: First characters of the package's digest: ``sha256:`` and twelve digits.
        number: Of the first row; the others follow. No two rows of a device have the same.
        classes: Predicted classes by index, NaN where the task has none.
        scores: Their scores.
    """

    package: str
    number: int
    classes: tuple[float, ...]
    scores: tuple[float, ...]


def written_id(prefix: str, number: int, body: bytes) -> str:
    """Return an id.

    Args:
        prefix: First digits of the package's digest, without ``sha256:``.
        number: Of the first row.
        body: Predicted classes and after them their scores, as little-endian ``float32``.
    """
    head = _HEAD.pack(_checksum(prefix, number, body), number, len(body) // 8)
    packed = binascii.b2a_base64(head + body, newline=False).translate(_URL_SAFE)
    return f"{prefix}.{packed.rstrip(b'=').decode()}"


def read_id(text: str) -> PredictionRows:
    """Return what an id says.

    Raises:
        UsageError: It is none that ``predict`` made.
    """
    if not isinstance(text, str):
        raise UsageError(f"{text!r:.60} is no prediction id: give prediction.id, a text")
    import base64  # for those who label; a prediction's own id is made without

    prefix, _, packed = text.partition(".")
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        expected, number, rows = _HEAD.unpack_from(data)
    except struct.error as error:
        raise UsageError(f"{text!r:.60} is no prediction id: it is cut off or changed") from error
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{text!r:.60} is no prediction id: {error}") from error
    body = data[_HEAD.size :]
    if len(body) != 8 * rows or not rows or expected != _checksum(prefix, number, body):
        raise UsageError(f"{text!r:.60} is no prediction id: it is cut off or changed")
    numbers = struct.unpack(f"<{2 * rows}f", body)
    return PredictionRows(f"{_SHA256}{prefix}", number, numbers[:rows], numbers[rows:])


def label_key(package: str, number: int) -> int:
    """Return a signed number of 64 bits for a row of a package.

    No two rows share one, but for a chance of 1 in 10**9 among 100,000.
    """
    found = sha256(f"{package}/{number}".encode()).digest()
    return int.from_bytes(found[:8], "big", signed=True)


def _checksum(prefix: str, number: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(f"{prefix}/{number}/".encode(errors="replace")))
