"""On what terms devices join: what they are told, and who signs their certificates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Authority", "Certified", "Terms"]


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate that was just made.

    Attributes:
        pem: The certificate.
        serial: Its number, hexadecimal.
        until_unix_s: From then on nobody accepts it.
    """

    pem: str
    serial: str
    until_unix_s: float


class Authority(Protocol):
    """Signs devices' certificates."""

    @property
    def ca_pem(self) -> str:
        """What signs the cloud's certificate, as devices shall trust it; empty for none."""
        ...

    @property
    def ca_sha256(self) -> str:
        """SHA-256 of the same (DER); empty for none."""
        ...

    def certify(self, device: str, request: str, *, public_key: str) -> Certified | None:
        """Return a certificate for a device; ``None`` if none are given here.

        Args:
            device: Its name.
            request: PEM, signed by the key that the certificate is for.
            public_key: The device's own, Ed25519, 64 hexadecimal digits.

        Raises:
            DeniedError: It cannot be read, or asks for another key than the device's own.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a device is told when it joins.

    Attributes:
        fleet: Name of the fleet.
        broker: Returns the URL of the broker for devices.
        websocket: Returns the same for browsers; empty for none.
        authority: Signs certificates.
        root: Returns the TUF root to pin; empty for none.
        broker_hash: Returns a password as brokers keep it that read files.
    """

    fleet: str
    broker: Callable[[], str]
    websocket: Callable[[], str]
    authority: Authority
    root: Callable[[], bytes]
    broker_hash: Callable[[str], str]
