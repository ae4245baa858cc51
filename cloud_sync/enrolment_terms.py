"""On what terms devices join: what they are told, and who signs their certificates."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Authority", "Terms"]


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

    def certify(self, device: str, request: str) -> str:
        """Return a certificate for a request, PEM; empty if none are given."""
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
