"""Files that let a nats-server of one's own ask this cloud who may connect."""

import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cloud_sync.adapters.client_certificates import make_service_files
from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.adapters.nats_callout import AuthCallout
from cloud_sync.adapters.nats_settings import ClusterMember, Doormen, settings_text
from cloud_sync.adapters.nats_tokens import NatsSigner
from cloud_sync.ports import Admission
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UsageError

__all__ = ["NatsFiles"]

_PORT: Final = "nats-port"
_SIZES: Final = (3, 5)
_HIGHEST_PORT: Final = 65_535


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
        ports = _ports(port, nats_port, websocket_port)
        text = settings_text(self._folder, host, ports=ports, tls=tls, doormen=self._doormen(tls))
        write_durably(self._folder / _PORT, str(nats_port).encode())
        write_durably(self.config, text.encode())

    def write_cluster(
        self,
        servers: int,
        *,
        host: str,
        port: int,
        nats_port: int,
        cluster_port: int,
        websocket_port: int | None = None,
        tls: TlsFiles | None = None,
    ) -> list[Path]:
        """Write what the servers of a cluster on this machine need; secrets that are there stay.

        Each has a folder of its own, ``1`` and so on, and the port after the one before it.

        Args:
            servers: How many: 3, of which one may fail, or 5, of which two may.
            host: Address to listen on.
            port: Of the first for MQTT.
            nats_port: Of the first, where this cloud answers who may connect.
            cluster_port: Of the first for the others.
            websocket_port: Of the first for MQTT inside WebSocket; ``None`` for none.
            tls: Encrypts what devices and browsers say.

        Returns:
            What each server is started with.

        Raises:
            UsageError: There cannot be so many servers, or their ports are not apart.
            UnavailableError: The folder cannot be written.
        """
        if servers not in _SIZES:
            raise UsageError(
                f"a cluster has 3 servers, of which one may fail, or 5, of which two may; got "
                f"{servers}"
            )
        own = [_ports(port + n, nats_port + n, _plus(websocket_port, n)) for n in range(servers)]
        members = [("127.0.0.1", cluster_port + n) for n in range(servers)]
        _require_apart([*(p for ports in own for p in ports.values()), *(p for _, p in members)])
        written: list[Path] = []
        for number, ports in enumerate(own):
            member = ClusterMember(
                name=f"edgefleet-{number + 1}",
                host=members[number][0],
                port=members[number][1],
                others=[place for place in members if place != members[number]],
                password=self._secret("cluster-password"),
            )
            folder = self._folder / str(number + 1)
            text = settings_text(
                folder, host, ports=ports, tls=tls, doormen=self._doormen(tls), member=member
            )
            write_durably(folder / "nats.conf", text.encode())
            written.append(folder / "nats.conf")
        write_durably(self._folder / _PORT, " ".join(str(p["nats"]) for p in own).encode())
        return written

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Return whether a folder holds files of a nats-server, or of a cluster of them."""
        return (folder / _PORT).exists()

    def _doormen(self, tls: TlsFiles | None) -> Doormen:
        if tls is not None and tls.asks_clients:
            make_service_files(self._folder, "cloud", tls)
        return Doormen(
            issuer=self._signer().issuer,
            callout_password=self._secret("callout-password"),
            service_username="cloud",
            service_password=self.service_password(),
        )

    def service_password(self) -> str:
        """Return the password of user ``cloud``."""
        return self._secret("service-password")

    def callout(self, admission: Admission) -> AuthCallout:
        """Return what answers the server, not started; raises ``UsageError`` without files."""
        try:
            ports = [int(p) for p in (self._folder / _PORT).read_text(encoding="ascii").split()]
        except (OSError, ValueError) as error:
            raise UsageError(
                f"{str(self._folder)!r} was not made by `edgefleet broker config nats`: {error}"
            ) from error
        return AuthCallout(
            ports,
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


def _ports(mqtt: int, nats: int, websocket: int | None) -> dict[str, int]:
    ports = {"mqtt": mqtt, "nats": nats}
    return ports if websocket is None else {**ports, "websocket": websocket}


def _plus(port: int | None, number: int) -> int | None:
    return None if port is None else port + number


def _require_apart(ports: Sequence[int]) -> None:
    doubled = sorted({port for port in ports if ports.count(port) > 1})
    if doubled:
        raise UsageError(
            f"two servers would listen on port {doubled[0]}: each takes the port after the one "
            "before it, so choose --port, --nats-port, --cluster-port and --websocket-port apart"
        )
    if not all(1 <= port <= _HIGHEST_PORT for port in ports):
        raise UsageError(f"ports are from 1 to {_HIGHEST_PORT}, got {min(ports)} to {max(ports)}")
