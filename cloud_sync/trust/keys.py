"""Ed25519 keys in files: PKCS #8, encrypted where there is a password."""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from edge_contract.errors import UsageError

__all__ = ["load_key", "make_key"]


def make_key(path: Path, *, password: bytes | None) -> CryptoSigner:
    """Make a key and keep it in a file that only its owner may read.

    Raises:
        UsageError: There is a file already, or it cannot be written.
    """
    key = Ed25519PrivateKey.generate()
    encryption: KeySerializationEncryption = NoEncryption()
    if password:
        encryption = BestAvailableEncryption(password)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except FileExistsError:
        raise UsageError(f"there is a key in {str(path)!r} already: it is not replaced") from None
    except OSError as error:
        raise UsageError(f"cannot write a key to {str(path)!r}: {error.strerror}") from error
    return CryptoSigner(key)


def load_key(path: Path, *, password: bytes | None) -> CryptoSigner:
    """Return the key of a file.

    Raises:
        UsageError: It cannot be read, is no Ed25519 key, or the password is missing or wrong.
    """
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the key {str(path)!r}: {error.strerror}") from error
    is_encrypted = b"ENCRYPTED" in pem
    if is_encrypted and not password:
        raise UsageError(f"the key {str(path)!r} is encrypted: give its password")
    try:
        key = load_pem_private_key(pem, password if is_encrypted else None)
    except (TypeError, ValueError) as error:
        wrong = "the password is wrong" if is_encrypted else "it is no private key"
        raise UsageError(f"the key {str(path)!r} cannot be used: {wrong}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"the key {str(path)!r} is no Ed25519 key")
    return CryptoSigner(key)
