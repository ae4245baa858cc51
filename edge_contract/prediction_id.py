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

__all__ = ["HEAD", "PREFIX_CHARACTERS", "PredictionRows", "checksum", "label_key", "read_id"]

PREFIX_CHARACTERS: Final = 12
"""Digits of the package's digest that an id begins with."""

HEAD: Final = struct.Struct("<IQI")
"""Checksum, number of the first row, rows."""

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
        expected, number, rows = HEAD.unpack_from(data)
    except (binascii.Error, struct.error, ValueError) as error:
        raise UsageError(f"{text!r:.60} is no prediction id: {error}") from error
    body = data[HEAD.size :]
    if len(body) != 8 * rows or not rows or expected != checksum(prefix, number, body):
        raise UsageError(f"{text!r:.60} is no prediction id: it is cut off or changed")
    numbers = struct.unpack(f"<{2 * rows}f", body)
    return PredictionRows(f"{_SHA256}{prefix}", number, numbers[:rows], numbers[rows:])


def checksum(prefix: str, number: int, body: bytes) -> int:
    """Return the checksum of an id's parts."""
    return zlib.crc32(body, zlib.crc32(f"{prefix}/{number}/".encode(errors="replace")))


def label_key(package: str, number: int) -> int:
    """Return a signed number of 64 bits for a row of a package.

    No two rows share one, but for a chance of 1 in 10**9 among 100,000.
    """
    found = sha256(f"{package}/{number}".encode()).digest()
    return int.from_bytes(found[:8], "big", signed=True)
