"""Frames: how requests and answers travel over the Unix socket.

Each way a frame is a head of four little-endian 32-bit numbers and what they announce::

    length   bytes that follow this number
    number   the client's own name for the request, repeated in the answer
    code     of a request what it is for, of an answer its HTTP status
    header   how many of the bytes after the head are JSON; the rest are tensors

JSON and tensors are those of the protocol's binary tensor extension. Answers come in any order.
"""

import struct
from enum import IntEnum
from typing import Final, NamedTuple

from edge_contract.errors import MessageError

__all__ = ["HEAD", "Frame", "FrameReader", "Purpose"]

HEAD: Final = struct.Struct("<IIII")
_LENGTH_BYTES: Final = 4
_REST: Final = HEAD.size - _LENGTH_BYTES


class Purpose(IntEnum):
    """What a request is for."""

    INFER = 1
    LABELS = 2
    METADATA = 3
    READY = 4


class Frame(NamedTuple):
    """A request or an answer.

    Attributes:
        number: The client's name for the request.
        code: A :class:`Purpose`, or an HTTP status.
        body: JSON, and after it tensors.
        header_bytes: How much of the body is JSON.
    """

    number: int
    code: int
    body: bytes
    header_bytes: int

    def to_bytes(self) -> bytes:
        """Return the frame as it travels."""
        head = HEAD.pack(_REST + len(self.body), self.number, self.code, self.header_bytes)
        return head + self.body


class FrameReader:
    """Puts frames together from the pieces that a socket gives.

    Args:
        most_bytes: Longest body.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._data = bytearray()

    @property
    def is_between(self) -> bool:
        """Whether no frame has begun to arrive."""
        return not self._data

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are whole with these bytes.

        Raises:
            MessageError: A frame is too long, or its head contradicts itself; nothing after it can
                be understood.
        """
        kept = self._data
        if not kept and len(data) >= HEAD.size:  # most often it is one frame, and whole
            length, number, code, header_bytes = HEAD.unpack_from(data)
            size = len(data) - HEAD.size
            if length == size + _REST and header_bytes <= size <= self._most_bytes:
                return [Frame(number, code, data[HEAD.size :], header_bytes)]
        kept += data
        frames: list[Frame] = []
        place = 0
        while len(kept) - place >= HEAD.size:
            length, number, code, header_bytes = HEAD.unpack_from(kept, place)
            size = length - _REST
            if size > self._most_bytes:
                raise MessageError(
                    f"a frame of {size} bytes is longer than the {self._most_bytes} allowed: send "
                    "fewer rows at once"
                )
            if size < 0 or header_bytes > size:
                raise MessageError(
                    f"a frame of {length} bytes cannot hold {header_bytes} bytes of JSON"
                )
            end = place + HEAD.size + size
            if end > len(kept):
                break
            body = bytes(memoryview(kept)[place + HEAD.size : end])
            frames.append(Frame(number, code, body, header_bytes))
            place = end
        del kept[:place]
        return frames
