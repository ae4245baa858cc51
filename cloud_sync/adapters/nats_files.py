"""Files that let a nats-server of one's own ask this cloud who may connect."""

import secrets
from pathlib import Path
from typing import Final

from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.adapters.nats_callout import AuthCallout
from cloud_sync.adapters.nats_settings import Doormen, settings_text
from cloud_sync.adapters.nats_tokens import NatsSigner
from cloud_sync.ports import Admission
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UsageError

__all__ = ["NatsFiles"]

_PORT: Final = "nats-port"


class NatsFiles:
    """A folder with ``nats.conf`` and the secrets that go with it.

    Args:
        folder: Where; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def config(self) -> Path:
        """What the server is started with: ``nats-server --config`` this."""
        return self._folder / "nats.conf"

    def write(
        self,
        *,
        host: str,
        port: int,
        nats_port: int,
        websocket_port: int | None = None,
        tls: TlsFiles | None = None,
    ) -> None:
        """Write everything; secrets that are there stay.

        Args:
            host: Address to listen on.
            port: For MQTT.
            nats_port: On the server's own machine, where this cloud answers who may connect.
            websocket_port: For MQTT inside WebSocket; ``None`` for none.
            tls: Encrypts both.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        doormen = Doormen(
            issuer=self._signer().issuer,
            callout_password=self._secret("callout-password"),
            service_username="cloud",
            service_password=self.service_password(),
        )
        ports = {"mqtt": port, "nats": nats_port}
        if websocket_port is not None:
            ports["websocket"] = websocket_port
        text = settings_text(self._folder, host, ports=ports, tls=tls, doormen=doormen)
        write_durably(self._folder / _PORT, str(nats_port).encode())
        write_durably(self.config, text.encode())

    def service_password(self) -> str:
        """Return the password of user ``cloud``."""
        return self._secret("service-password")

    def callout(self, admission: Admission) -> AuthCallout:
        """Return what answers the server, not started; raises ``UsageError`` without files."""
        try:
            port = int((self._folder / _PORT).read_text(encoding="ascii"))
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{str(self._folder)!r} was not made by `edgefleet broker config nats`: {error}"
            ) from error
        return AuthCallout(
            port,
            "admission",
            password=self._secret("callout-password"),
            signer=self._signer(),
            admission=admission,
        )

    def _signer(self) -> NatsSigner:
        path = self._folder / "issuer.seed"
        if path.exists():
            return NatsSigner(path.read_bytes())
        made = NatsSigner()
        write_durably(path, made.seed)
        return made

    def _secret(self, name: str) -> str:
        path = self._folder / name
        if not path.exists():
            write_durably(path, secrets.token_urlsafe(32).encode())
        return path.read_text(encoding="ascii").strip()
