"""What a NATS server believes: JSON Web Tokens signed by an Ed25519 key in its own notation."""

import base64
import json
import secrets
import time
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge_contract.errors import MessageError
from edge_contract.reading import JsonObject, Reader

__all__ = ["NatsSigner", "claims_in"]

_ACCOUNT: Final = 0  # the byte that turns into the letter A, for keys of accounts
_HEADER: Final = b'{"typ":"JWT","alg":"ed25519-nkey"}'


class NatsSigner:
    """Signs for an account.

    Args:
        seed: 32 bytes that the key is made of; ``None`` makes another one.

    Attributes:
        seed: The same, secret.
        issuer: The key's public half, as the server's configuration names it.
    """

    def __init__(self, seed: bytes | None = None) -> None:
        self.seed = seed or secrets.token_bytes(32)
        self._key = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.issuer = _notation(_ACCOUNT, self._key.public_key().public_bytes_raw())

    def signed(self, claims: JsonObject) -> str:
        """Return a token with these claims."""
        whole = {
            **claims,
            "iss": self.issuer,
            "iat": int(time.time()),
            "jti": base64.b32encode(secrets.token_bytes(20)).decode(),
        }
        text = f"{_encoded(_HEADER)}.{_encoded(json.dumps(whole).encode())}"
        return f"{text}.{_encoded(self._key.sign(text.encode()))}"


def claims_in(token: bytes) -> Reader:
    """Return the claims of a token that came over a connection which is trusted.

    Raises:
        MessageError: It is no token.
    """
    parts = token.split(b".")
    try:
        body = json.loads(base64.urlsafe_b64decode(parts[1] + b"=" * (-len(parts[1]) % 4)))
    except (IndexError, ValueError) as error:
        raise MessageError(f"the server sent what is no token: {error}") from error
    return Reader(body, "token", MessageError)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _notation(prefix: int, public_key: bytes) -> str:
    """Return a public key in base 32, with what it is for before it and a checksum behind."""
    raw = bytes([prefix]) + public_key
    return base64.b32encode(raw + _crc16(raw).to_bytes(2, "little")).decode().rstrip("=")


def _crc16(data: bytes) -> int:
    """Return the checksum that is known as CRC-16/XMODEM."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc
