"""Who may do what: roles, and the tokens that prove them.

A token is ``ef_ID_SECRET``. The secret is 256 bits of chance, so SHA-256 once hides it well enough:
there is no dictionary to try. Only its hash is kept, and compared in constant time.
"""

import enum
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from typing import Final

from edge_contract.errors import UsageError

__all__ = [
    "Identity",
    "Role",
    "Scope",
    "TokenRecord",
    "hash_of_secret",
    "new_token",
    "token_id_of",
]

_TOKEN: Final = re.compile(r"ef_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_LABEL: Final = re.compile(r"[^\x00-\x1f\x7f]{1,64}")


class Role(enum.Enum):
    """What somebody may do; each may do what the one before may."""

    VIEWER = "viewer"
    """Look at everything but tokens and the record of who did what."""
    OPERATOR = "operator"
    """Give orders: push versions, steer rollouts, send commands, make groups; read the record."""
    ADMIN = "admin"
    """Give tokens to others."""

    def allows(self, needed: "Role") -> bool:
        """Return whether this role may do what needs another."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Scope(enum.Enum):
    """A part of the API that a token may be held to; its role counts within."""

    MODELS = "models"
    """Versions: look at them, push them."""
    ROLLOUTS = "rollouts"
    DEVICES = "devices"
    """Devices, their groups, commands and membership."""
    ALARMS = "alarms"
    SAMPLES = "samples"
    """Samples and labels."""
    METRICS = "metrics"
    ACCESS = "access"
    """Tokens, and the record of who did what."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who asks.

    Attributes:
        name: For the record.
        role: What he may do.
        scopes: Where; empty for everywhere.
    """

    name: str
    role: Role
    scopes: frozenset[Scope] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRecord:
    """A token as it is kept: nobody can make the token of it.

    Attributes:
        token_id: Its public part.
        label: Whose it is, or what for.
        role: What it allows.
        scopes: Where; empty for everywhere.
        secret_hash: SHA-256 of its secret part, in hexadecimal.
        created_unix_s: When it was made.
        expires_unix_s: From then on it is refused; ``None`` for never.
        revoked_unix_s: When it was revoked; ``None`` if it was not.
        by: Who made it.

    Raises:
        UsageError: The label is empty, too long or cannot be printed.
    """

    token_id: str
    label: str
    role: Role
    scopes: frozenset[Scope] = frozenset()
    secret_hash: str = field(repr=False)
    created_unix_s: float
    expires_unix_s: float | None = None
    revoked_unix_s: float | None = None
    by: str = ""

    def __post_init__(self) -> None:
        if _LABEL.fullmatch(self.label) is None:
            raise UsageError(
                f"label {self.label!r} of a token must have 1 to 64 characters that can be printed"
            )

    def is_valid(self, now_unix_s: float) -> bool:
        """Return whether it is neither revoked nor expired."""
        is_over = self.expires_unix_s is not None and now_unix_s >= self.expires_unix_s
        return self.revoked_unix_s is None and not is_over

    def is_proven_by(self, token: str) -> bool:
        """Return whether this is that token; takes as long for a wrong one."""
        match = _TOKEN.fullmatch(token)
        secret = match.group(2) if match else ""
        is_equal = hmac.compare_digest(hash_of_secret(secret), self.secret_hash)
        return is_equal and match is not None and match.group(1) == self.token_id


def new_token(token_id: str, secret: str) -> tuple[str, str]:
    """Return the text of a token, and the hash of its secret to keep.

    Args:
        token_id: 12 hexadecimal digits of chance.
        secret: 43 letters of base64 for URLs, 32 bytes of chance.
    """
    token = f"ef_{token_id}_{secret}"
    if _TOKEN.fullmatch(token) is None:
        raise UsageError(f"a token needs an id of 12 digits and a secret of 43, got {token_id!r}")
    return token, hash_of_secret(secret)


def token_id_of(token: str) -> str:
    """Return the public part of a token; empty for what is no token of ours."""
    match = _TOKEN.fullmatch(token)
    return match.group(1) if match else ""


def hash_of_secret(secret: str) -> str:
    """Return what is kept of a secret of 256 bits."""
    return hashlib.sha256(secret.encode()).hexdigest()
