"""Views of who may join a fleet, who has joined, and who is kept apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from edge_contract.enrolment import Membership

__all__ = [
    "CredentialView",
    "EnrolmentBook",
    "ErasureView",
    "JoinTokenView",
    "NewJoinTokenView",
    "QuarantineView",
]


@dataclass(frozen=True, slots=True)
class JoinTokenView:
    """A join token; its secret is known to whoever it was given to.

    ``state`` is valid, used up, expired or revoked; ``device`` is empty where any may use it.
    """

    token_id: str
    label: str
    device: str
    uses: int
    used: int
    state: str
    created_unix_s: float
    expires_unix_s: float
    by: str


@dataclass(frozen=True, slots=True)
class NewJoinTokenView:
    """A join token that was just made: ``secret`` is shown this once and kept nowhere.

    ``ca_sha256`` and ``root_sha256`` are what a device shall check the cloud's certificate and the
    root of releases against; empty where there are none.
    """

    token: JoinTokenView
    secret: str = field(repr=False)
    fleet: str = ""
    ca_sha256: str = ""
    root_sha256: str = ""


@dataclass(frozen=True, slots=True)
class CredentialView:
    """What a device proves itself by, without any secret. ``state`` is valid or revoked."""

    device: str
    state: str
    public_key: str
    token_id: str
    enrolled_unix_s: float
    issued_unix_s: float
    revoked_unix_s: float | None


@dataclass(frozen=True, slots=True)
class QuarantineView:
    """A device whose statistics are not merged until somebody lets it back."""

    device: str
    reason: str
    since_unix_s: float
    by: str


@dataclass(frozen=True, slots=True)
class ErasureView:
    """What was forgotten of a device, in numbers, and in words what stays."""

    device: str
    windows: int
    answers: int
    samples: int
    stays: Sequence[str]


class EnrolmentBook(Protocol):
    """Who belongs to the fleet. Thread-safe."""

    def join_tokens(self) -> Sequence[JoinTokenView]:
        """Return all join tokens, the oldest first."""
        ...

    def create_join_token(
        self, *, label: str, device: str, uses: int, expires_s: float, by: str
    ) -> NewJoinTokenView:
        """Make a join token; raises ``UsageError`` if a value is out of its range."""
        ...

    def revoke_join_token(self, token_id: str, *, by: str) -> JoinTokenView:
        """End a join token; raises ``NotFoundError``."""
        ...

    def enrol(
        self, token_id: str, secret: str, *, device: str, public_key: str, proof: str, request: str
    ) -> Membership:
        """Let a device join.

        Args:
            token_id: Of its join token.
            secret: Of the same.
            device: Its name.
            public_key: Its own, Ed25519, 64 hexadecimal digits.
            proof: Its signature of :func:`edge_contract.enrolment.enrolment_statement`.
            request: For a certificate, PEM; empty for none.

        Raises:
            DeniedError: The token or the proof is wrong.
            UsageError: The name is taken or not allowed.
        """
        ...

    def renew(self, device: str, *, at_unix_s: int, proof: str, request: str) -> Membership:
        """Give a device another password for a signature of its key; raises ``DeniedError``."""
        ...

    def ca_pem(self) -> str:
        """Return the certificates of the local authority; empty for none."""
        ...

    def brokers(self) -> tuple[str, str]:
        """Return the broker's URLs for devices and for pages; empty for none."""
        ...

    def credentials(self) -> Sequence[CredentialView]:
        """Return the credentials of all devices by rising name."""
        ...

    def broker_passwords(self) -> Mapping[str, str]:
        """Return what mosquitto keeps of the password of each device that may speak."""
        ...

    def revoke_credential(self, device: str, *, by: str) -> CredentialView:
        """Put a device out of the fleet; raises ``NotFoundError``."""
        ...

    def quarantines(self) -> Sequence[QuarantineView]:
        """Return all devices that are kept apart, by rising name."""
        ...

    def quarantine(self, device: str, *, reason: str, by: str) -> QuarantineView:
        """Keep a device apart: nothing of it is merged; what it sends waits on it."""
        ...

    def release(self, device: str, *, by: str) -> None:
        """Let a device back that was kept apart; raises ``NotFoundError``."""
        ...
