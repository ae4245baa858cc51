"""What a device must show to join."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from cloud_sync.core.enrolment import DeniedError, JoinTokenRecord
from edge_contract.errors import UsageError

__all__ = ["require_open", "require_own", "require_proof"]


def require_open(token: JoinTokenRecord, device: str, *, now_unix_s: float, is_again: bool) -> None:
    """Refuse a token that is over or another device's; a device may ask again by its own."""
    state = token.state(now_unix_s)
    if state != "valid" and not (state == "used up" and is_again):
        raise DeniedError(f"the join token is {state}: ask for another one")
    if token.device and token.device != device:
        raise DeniedError(f"the join token is for device {token.device!r}, not {device!r}")


def require_own(token: JoinTokenRecord, device: str) -> None:
    """Refuse a name that is taken, also by a device that was put out, unless the token names it."""
    if token.device != device:
        raise UsageError(
            f"a device {device!r} has joined before: choose another name, or ask for a token of "
            f"its own (`edgefleet fleet enroll --device {device}`)"
        )


def require_proof(public_key: str, proof: str, statement: bytes) -> None:
    """Refuse a signature that the key has not made of the statement."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(proof), statement)
    except (InvalidSignature, ValueError):
        raise DeniedError("the proof is not signed by the key of this device") from None
