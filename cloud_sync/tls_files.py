"""Certificate and key that a server shows, and who signs its clients'."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from edge_contract.errors import UsageError

__all__ = ["CA_CERTIFICATE", "CA_KEY", "SERVER_CERTIFICATE", "SERVER_KEY", "TlsFiles"]

CA_CERTIFICATE = "ca.pem"
CA_KEY = "ca-key.pem"
SERVER_CERTIFICATE = "server.pem"
SERVER_KEY = "server-key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """What a server needs for TLS.

    Attributes:
        certificate: PEM, the server's own first, then those between it and the authority.
        key: PEM, not encrypted.
        ca_certificate: Of a local authority; ``None`` where devices trust what their system trusts.
        ca_key: Of the same, to sign devices' certificates; ``None`` where it is kept elsewhere.
        asks_clients: Whether brokers ask devices for a certificate that the authority signed.
    """

    certificate: Path
    key: Path
    ca_certificate: Path | None = None
    ca_key: Path | None = None
    asks_clients: bool = False

    @classmethod
    def of(
        cls,
        folder: Path | None,
        certificate: Path | None,
        key: Path | None,
        *,
        asks_clients: bool = False,
    ) -> Self | None:
        """Return the files of a folder of `edgefleet ca`, or one's own; ``None`` for neither.

        Raises:
            UsageError: Both are given, half of one, or the files do not fit each other; or clients
                are to be asked for certificates that nobody here signs.
        """
        if asks_clients and folder is None:
            raise UsageError(
                "certificates of devices are signed by an authority of one's own: with "
                "--client-certificates give --tls DIR, as `edgefleet ca init DIR` makes it"
            )
        if folder is not None and (certificate or key):
            raise UsageError("give --tls, or --tls-cert and --tls-key: not both")
        if (certificate is None) != (key is None):
            raise UsageError("--tls-cert and --tls-key belong together: give both or neither")
        if folder is not None:
            has_key = (folder / CA_KEY).exists()
            found = cls(
                certificate=folder / SERVER_CERTIFICATE,
                key=folder / SERVER_KEY,
                ca_certificate=folder / CA_CERTIFICATE,
                ca_key=folder / CA_KEY if has_key else None,
                asks_clients=asks_clients,
            )
        elif certificate is not None and key is not None:
            found = cls(certificate=certificate, key=key)
        else:
            return None
        found.context()
        return found

    def context(self) -> ssl.SSLContext:
        """Return what a server of ours needs; raises ``UsageError`` if the files do not fit."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except OSError as error:  # which ssl.SSLError is
            raise UsageError(
                f"cannot use certificate {str(self.certificate)!r} with key {str(self.key)!r}: "
                f"{error.strerror or error}; `edgefleet ca init` makes such files"
            ) from error
        return context
