"""JSON in columns: written without NaN, read back as an object or not at all."""

import json
import zlib

from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, JsonValue, Reader

__all__ = ["as_object", "as_reader", "as_text", "packed", "unpacked"]


def as_text(value: JsonValue) -> str:
    """Return a value as it lies in a column."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def as_object(text: str) -> JsonObject:
    """Return the object of a column; raises ``MessageError`` if it is none."""
    match json.loads(text):
        case dict() as found:
            return found
        case _:
            raise MessageError("a document is no object")


def as_reader(text: str) -> Reader:
    """Return a reader over a column that raises ``MessageError``."""
    return Reader(json.loads(text), "document", MessageError)


def packed(value: JsonValue) -> bytes:
    """Return a value compressed, for what is large or comes often."""
    return zlib.compress(as_text(value).encode(), 1)


def unpacked(data: bytes) -> JsonObject:
    """Return the object that was :func:`packed`."""
    return as_object(zlib.decompress(data).decode())
