"""How profiles lie in a database: as the JSON of the wire, compressed, or as the message itself."""

import hashlib
import json
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Final, TypeAlias

from cloud_sync.core.increments import StatePiece
from cloud_sync.core.intake import state_of_message
from edge_contract.errors import MessageError
from edge_contract.messages.codec import ENVELOPE
from edge_contract.reading import JsonValue, Reader
from edge_contract.stats import Profile, ProfileSpec, State
from edge_contract.stats.profile import state_from_json, state_to_json

__all__ = ["as_stored", "is_message", "pack", "states_in", "unpack", "version_of"]

_States: TypeAlias = "Mapping[int, JsonValue | State]"

_MESSAGE: Final = bytes([ENVELOPE])


def pack(state: _States) -> bytes:
    """Return the bytes of a profile's state."""
    text = json.dumps(state_to_json(state), separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), 1)


def version_of(packed: bytes) -> str:
    """Return what tells the bytes of a profile from those of any other."""
    return hashlib.blake2b(packed, digest_size=8).hexdigest()


def as_stored(piece: StatePiece) -> bytes:
    """Return the bytes of what a device sent: a message of one window lies there as it came."""
    return piece if isinstance(piece, bytes) else pack(piece)


def unpack(data: bytes, spec: ProfileSpec, *, columns: Collection[int] | None = None) -> Profile:
    """Return the profile, or some columns of it.

    Raises:
        MessageError, zlib.error: The bytes are damaged.
    """
    if columns is not None and not columns:
        return spec.empty()
    return spec.decode(states_in(data, columns=columns))


def states_in(
    data: bytes,
    *,
    columns: Collection[int] | None = None,
    parse: Callable[[bytes], object] = json.loads,
) -> Mapping[int, JsonValue]:
    """Return the states of a stored profile by column; raises as :func:`unpack` does."""
    if is_message(data):
        states = state_of_message(data)
    else:
        found = parse(zlib.decompress(data))
        states = state_from_json(Reader(found, "profile", MessageError))
    if columns is None:
        return states
    return {index: state for index, state in states.items() if index in columns}


def is_message(data: bytes) -> bool:
    """Return whether a stored profile is the message that it came in."""
    return data[:1] == _MESSAGE  # zlib data begins with another byte
