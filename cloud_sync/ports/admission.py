"""Who may speak at a broker, and where that is written down."""

from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.enrolment import AdmissionRecord

__all__ = ["Admission", "AdmissionStore", "Asking", "Grant", "ShownCertificate"]


@dataclass(frozen=True, slots=True)
class ShownCertificate:
    """A certificate that a broker has verified: the authority signed it, and its key was proven.

    Attributes:
        name: Whose it is.
        public_key: Ed25519, 64 hexadecimal digits.
    """

    name: str
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A client that wants to be let in.

    Attributes:
        client_id: As it calls itself in MQTT.
        username: Empty if it gave none.
        password: Empty if it gave none.
        certificate: That it showed; ``None`` for none.
    """

    client_id: str
    username: str = ""
    password: str = field(default="", repr=False)
    certificate: ShownCertificate | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """What a client may do, by MQTT topics."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


class Admission(Protocol):
    """Lets clients in. Thread-safe and quick: a broker waits for the answer."""

    def admit(self, asking: Asking) -> Grant | str:
        """Return what the client may do, or in words why it is not let in."""
        ...


class AdmissionStore(Protocol):
    """Keeps join tokens, credentials and quarantines."""

    def save_admission(self, record: AdmissionRecord) -> None:
        """Keep a record, in place of an earlier one of its kind and key."""
        ...

    def forget_admission(self, record: AdmissionRecord) -> bool:
        """Forget the record of that kind and key; return whether there was one."""
        ...

    def admissions(self) -> list[AdmissionRecord]:
        """Return all records, rising by kind and key."""
        ...
