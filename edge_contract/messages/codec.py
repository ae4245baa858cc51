"""Messages to bytes and back.

One byte with the version of the envelope, then zlib of positional JSON ``[kind, [field, ...]]``.
Decoding is bounded: whatever comes in, it inflates to at most :data:`MAX_BODY_BYTES`.
"""

import json
import zlib
from collections.abc import Callable, Sequence
from typing import Final

from edge_contract.errors import MessageError
from edge_contract.json_text import parse_json
from edge_contract.messages.base import MESSAGES, Message
from edge_contract.messages.packing import Unpack, unpacked
from edge_contract.messages.telemetry import TelemetryBatch
from edge_contract.reading import Reader
from edge_contract.records import dataclass
from edge_contract.trust import Seal

__all__ = [
    "ENVELOPE",
    "MAX_BODY_BYTES",
    "MAX_PAYLOAD_BYTES",
    "STANDARD",
    "Tools",
    "decode",
    "encode",
    "require_intact",
    "text_of",
]

ENVELOPE: Final = 1
MAX_PAYLOAD_BYTES: Final = 64_000
"""Largest payload; brokers limit messages too."""

_LEVEL: Final = 9
_BLOCK_CHARACTERS: Final = 200
"""Length from which a text is worth a block of the compressed data to itself."""

MAX_BODY_BYTES: Final = 1_000_000
"""Largest JSON text that a payload may inflate to."""


def encode(message: Message) -> bytes:
    """Return the payload of a message.

    Raises:
        MessageError: It is larger than :data:`MAX_PAYLOAD_BYTES`, or holds NaN or an infinity.
    """
    try:
        fields = [
            json.dumps(field, separators=(",", ":"), allow_nan=False) for field in message.to_body()
        ]
    except ValueError as error:
        raise MessageError(f"message {message.kind!r} cannot be encoded: {error}") from error
    parts = [f'["{message.kind}",[']
    for field in fields:
        if len(field) > _BLOCK_CHARACTERS and field[0] == '"':
            parts.append("")
        parts[-1] += f"{field},"
    parts[-1] = parts[-1].removesuffix(",") + "]]"
    payload = bytes([ENVELOPE]) + _deflated(parts)
    size = sum(map(len, parts))
    if len(payload) > MAX_PAYLOAD_BYTES or size > MAX_BODY_BYTES:
        raise MessageError(
            f"message {message.kind!r} has {len(payload)} bytes ({size} inflated), "
            f"allowed are {MAX_PAYLOAD_BYTES} ({MAX_BODY_BYTES}): send less at once"
        )
    return payload


@dataclass(frozen=True, slots=True)
class Tools:
    """What decoding is done with, for whoever has something quicker than the standard library.

    Attributes:
        parse: Reads JSON, as strictly as :func:`edge_contract.json_text.parse_json`.
        unpack: Reads the statistics of telemetry, see :mod:`edge_contract.messages.packing`.
    """

    parse: Callable[[bytes], object] = parse_json
    unpack: Unpack = unpacked


STANDARD: Final = Tools()


def decode(payload: bytes, tools: Tools = STANDARD) -> Message:
    """Return the message of a payload; at a seal nobody looks here, see :mod:`edge_contract.trust`.

    Raises:
        MessageError: The envelope is unknown, it is no zlib or JSON, it inflates to more than
            :data:`MAX_BODY_BYTES`, its kind is unknown, or a field is wrong.
    """
    reader = Reader(_parsed(text_of(Seal.stripped(payload)), tools.parse), "message", MessageError)
    kind = reader[0].text(max_length=64)
    if kind not in MESSAGES:
        raise MessageError(f"message kind {kind!r} is unknown here: upgrade this side")
    body = reader[1]
    fields = Reader(body.json_list(), kind, MessageError)
    if kind == TelemetryBatch.kind:
        return TelemetryBatch.from_body(fields, tools.unpack)
    return MESSAGES[kind].from_body(fields)


def require_intact(payload: bytes) -> None:
    """Check that a payload is as it was made, without reading it, which takes much longer.

    Raises:
        MessageError: The envelope is unknown, or the payload is damaged or cut off.
    """
    text_of(payload)


def text_of(payload: bytes) -> bytes:
    """Return the JSON text of a payload without a seal; for who reads it with tools of their own.

    Raises:
        MessageError: The envelope is unknown, or the payload is damaged, cut off or too large.
    """
    if not payload or payload[0] != ENVELOPE:
        found = f"version {payload[0]}" if payload else "nothing"
        raise MessageError(f"unknown envelope: found {found}, expected version {ENVELOPE}")
    return _inflated(payload[1:])


def _deflated(parts: Sequence[str]) -> bytes:
    """Return zlib data in which each part has a block, and so a code, of its own.

    ``Z_FILTERED`` is for data that is mostly small numbers: it leaves short repetitions, which
    cost more than they save there, to the code.
    """
    deflater = zlib.compressobj(_LEVEL, strategy=zlib.Z_FILTERED)
    data = deflater.compress(parts[0].encode())
    for part in parts[1:]:
        data += deflater.flush(zlib.Z_BLOCK) + deflater.compress(part.encode())
    return data + deflater.flush()


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise MessageError(f"message is not readable zlib: {error}") from error
    if len(text) > MAX_BODY_BYTES:
        raise MessageError(f"message inflates to more than {MAX_BODY_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise MessageError("message is cut off, or followed by something else")
    return text


def _parsed(text: bytes, parse: Callable[[bytes], object] = parse_json) -> object:
    try:
        return parse(text)
    except ValueError as error:
        raise MessageError(f"message is not readable JSON: {error}") from error
