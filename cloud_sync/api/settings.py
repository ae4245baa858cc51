"""Settings of the API."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cloud_sync.tls_files import TlsFiles

__all__ = ["ApiSettings", "SignedMetadata"]


class SignedMetadata(Protocol):
    """Metadata of The Update Framework, as devices fetch it and authors renew it."""

    def file(self, name: str) -> bytes | None:
        """Return a file; ``None`` if there is none of that name."""
        ...

    def accept(self, role: str, data: bytes) -> int:
        """Take over the next version of a role, and return its number.

        Raises:
            PackageError: Those who may have not signed it, or it is not the next one.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Who may use the API, and how much they may send.

    Attributes:
        token: An admin's, beside those that were made by the API. As soon as there is any token,
            everybody is asked for one, as ``Authorization: Bearer TOKEN`` (a browser sends it as
            the password of HTTP Basic, with any user name). Model files stay open to whoever knows
            their digest, because devices have no token.
        allowed_hosts: Names in the header ``Host`` that are answered; empty for all. The server
            fills it on loopback, where a web site could otherwise reach the API by pointing its
            own name there.
        open_to_network: Whether the server may listen beyond loopback without a token.
        max_package_bytes: Largest model package that can be pushed.
        max_json_bytes: Largest other request.
        requests_per_s: How often somebody may ask; ten times as many at once.
        failures_per_s: How often an address may show wrong tokens; fifty times as many at once.
        tls: Certificate and key to serve HTTPS with; ``None`` serves plain HTTP.
        trust: What signs for this cloud; ``None`` if nothing does.
        page: Folder of a page for browsers to serve at ``/try/``; ``None`` for none.
    """

    token: str = ""
    allowed_hosts: tuple[str, ...] = ()
    open_to_network: bool = False
    max_package_bytes: int = 512 * 2**20
    max_json_bytes: int = 2**20
    requests_per_s: float = 200.0
    failures_per_s: float = 2.0
    trust: SignedMetadata | None = None
    page: Path | None = None
    tls: TlsFiles | None = None
