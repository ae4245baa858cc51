"""Who may join a fleet, who has joined, and who is kept apart: the records of it."""

import hmac
import re
from dataclasses import dataclass, field
from typing import ClassVar, Final, TypeAlias

from cloud_sync.core.access import hash_of_secret
from edge_contract.errors import UsageError

__all__ = [
    "GRACE_S",
    "MOST_USES",
    "AdmissionRecord",
    "CertificateRecord",
    "CredentialRecord",
    "DeniedError",
    "JoinTokenRecord",
    "QuarantineRecord",
]

MOST_USES: Final = 100_000
GRACE_S: Final = 86_400.0
"""How long a former password is good beside the new one: its owner may not have saved that yet."""

_LABEL: Final = re.compile(r"[^\x00-\x1f\x7f]{0,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinTokenRecord:
    """A join token as it is kept: nobody can make the token of it.

    Attributes:
        token_id: Its public part.
        secret_hash: SHA-256 of its secret part.
        label: What it is for.
        device: The only device that may use it; empty for any.
        uses: How many devices may join by it.
        used: How many have.
        created_unix_s: When it was made.
        expires_unix_s: From then on it is refused.
        revoked_unix_s: When it was revoked; ``None`` if it was not.
        by: Who made it.

    Raises:
        UsageError: A value is out of its range.
    """

    kind: ClassVar[str] = "join"

    token_id: str
    secret_hash: str = field(repr=False)
    label: str = ""
    device: str = ""
    uses: int = 1
    used: int = 0
    created_unix_s: float
    expires_unix_s: float
    revoked_unix_s: float | None = None
    by: str = ""

    def __post_init__(self) -> None:
        if _LABEL.fullmatch(self.label) is None:
            raise UsageError(
                f"label {self.label!r} of a join token must have at most 64 characters that can be "
                "printed"
            )
        if not 1 <= self.uses <= MOST_USES:
            raise UsageError(f"a join token has 1 to {MOST_USES} uses, got {self.uses}")
        if self.device and self.uses != 1:
            raise UsageError(
                f"a join token for device {self.device!r} alone has one use, got {self.uses}"
            )

    @property
    def key(self) -> str:
        """What the record is found by."""
        return self.token_id

    def state(self, now_unix_s: float) -> str:
        """Return valid, revoked, expired or used up."""
        if self.revoked_unix_s is not None:
            return "revoked"
        if now_unix_s >= self.expires_unix_s:
            return "expired"
        return "used up" if self.used >= self.uses else "valid"

    def is_proven_by(self, secret: str) -> bool:
        """Return whether this is its secret, in the same time for a wrong one."""
        return hmac.compare_digest(hash_of_secret(secret), self.secret_hash)


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialRecord:
    """What a device proves by that it is itself.

    Attributes:
        device: Its name.
        public_key: Ed25519, 64 hexadecimal digits.
        secret_hash: SHA-256 of its password.
        former_hash: Of the one before; empty for none.
        former_until_unix_s: How long that one is good.
        broker_hash: The password as mosquitto keeps it.
        token_id: Of the token that it joined by.
        enrolled_unix_s: When it joined.
        issued_unix_s: When it got its password.
        renewed_at_unix_s: By the device's clock, the last time that it asked for another password;
            no request that is older counts.
        revoked_unix_s: When it was put out of the fleet; ``None`` if it was not.
    """

    kind: ClassVar[str] = "credential"

    device: str
    public_key: str
    secret_hash: str = field(repr=False)
    broker_hash: str = field(default="", repr=False)
    former_hash: str = field(default="", repr=False)
    former_until_unix_s: float = 0.0
    token_id: str
    enrolled_unix_s: float
    issued_unix_s: float
    renewed_at_unix_s: int = 0
    revoked_unix_s: float | None = None

    @property
    def key(self) -> str:
        """What the record is found by."""
        return self.device

    def is_proven_by(self, password: str, now_unix_s: float) -> bool:
        """Return whether this is its password, in the same time for a wrong one."""
        found = hash_of_secret(password)
        is_present = hmac.compare_digest(found, self.secret_hash)
        is_former = hmac.compare_digest(found, self.former_hash or "-" * 64)
        may = self.revoked_unix_s is None
        return may and (is_present or (is_former and now_unix_s < self.former_until_unix_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRecord:
    """A device whose statistics are not merged until somebody lets it back.

    Attributes:
        device: Its name.
        reason: Why.
        since_unix_s: Since when.
        by: Who decided so.
    """

    kind: ClassVar[str] = "quarantine"

    device: str
    reason: str
    since_unix_s: float
    by: str = ""

    @property
    def key(self) -> str:
        """What the record is found by."""
        return self.device


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRecord:
    """A certificate that a device was given.

    Attributes:
        serial: Its number, hexadecimal.
        device: Whose it is.
        until_unix_s: From then on nobody accepts it.
        revoked_unix_s: When it was revoked; ``None`` if it was not.
    """

    kind: ClassVar[str] = "certificate"

    serial: str
    device: str
    until_unix_s: float
    revoked_unix_s: float | None = None

    @property
    def key(self) -> str:
        """What the record is found by."""
        return self.serial


class DeniedError(UsageError):
    """Who asks cannot prove that he may have it; the API answers 403."""


AdmissionRecord: TypeAlias = (
    JoinTokenRecord | CredentialRecord | QuarantineRecord | CertificateRecord
)
