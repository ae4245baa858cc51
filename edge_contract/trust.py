"""What signers and verifiers of updates agree on, beyond The Update Framework itself.

Packages are released by TUF (https://theupdateframework.io): a target is called
``MODEL/VERSION`` and is the package's manifest, which names all other files by digest; each model
family has a delegated role of its own. What a device shall run, and every command to it, is sealed
by the rollout service, whose key is that of the delegated role ``director``: it releases nothing,
so a device installs only what both agree on.
"""

from typing import Final, NamedTuple, Self

from edge_contract.errors import MessageError

__all__ = ["DIRECTOR", "Seal", "family_of", "target_of"]

DIRECTOR: Final = "director"
_SEALED: Final = 0xE5
_KEY_ID_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_CONTEXT: Final = b"edgefleet sealed message\0"


def family_of(model: str) -> str:
    """Return the role that releases versions of a model."""
    return f"model-{model}"


def target_of(model: str, version: str) -> str:
    """Return the target that is a package's manifest."""
    return f"{model}/{version}"


class Seal(NamedTuple):
    """A message to a device with the director's signature.

    Attributes:
        key_id: Of the key, 64 hexadecimal digits.
        signature: Ed25519, of :meth:`signed_bytes`.
        payload: The message.
    """

    key_id: str
    signature: bytes
    payload: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what :meth:`to_bytes` wrote; raises ``MessageError`` if it is not sealed."""
        head = 1 + _KEY_ID_BYTES + _SIGNATURE_BYTES
        if len(data) < head or data[0] != _SEALED:
            raise MessageError("it is not signed: set up the cloud's keys, or unpin the root here")
        key_id = data[1 : 1 + _KEY_ID_BYTES].hex()
        return cls(key_id, data[1 + _KEY_ID_BYTES : head], data[head:])

    def to_bytes(self) -> bytes:
        """Return what travels."""
        return bytes([_SEALED]) + bytes.fromhex(self.key_id) + self.signature + self.payload

    @classmethod
    def stripped(cls, data: bytes) -> bytes:
        """Return a message without its seal, if it has one: for those who check none."""
        return cls.from_bytes(data).payload if data[:1] == bytes([_SEALED]) else data

    @staticmethod
    def signed_bytes(topic: str, payload: bytes) -> bytes:
        """Return what is signed: a message of one device means nothing to another one."""
        return _CONTEXT + topic.encode() + b"\0" + payload
