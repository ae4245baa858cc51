"""Files that let mosquitto admit the devices of a fleet, each under its own name and topics.

A client's id is made its user name, so nobody can take another's place, and patterns in the list of
rights stand for all devices: only the file of passwords changes when one joins or is put out.
"""

import base64
import contextlib
import hashlib
import os
import secrets
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UnavailableError
from edge_contract.names import checked_name

__all__ = ["MosquittoFiles", "mosquitto_hash"]

_ROUNDS: Final = 101  # mosquitto's own number; the passwords are chance, there is nothing to guess


def mosquitto_hash(password: str) -> str:
    """Return a password as mosquitto keeps it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"$7${_ROUNDS}${'$'.join(encoded)}"


class MosquittoFiles:
    """A folder with ``mosquitto.conf``, ``acl``, ``passwords`` and ``service-password``.

    Args:
        folder: Where; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def config(self) -> Path:
        """What mosquitto is started with: ``mosquitto -c`` this."""
        return self._folder / "mosquitto.conf"

    def write(
        self,
        fleet: str,
        *,
        host: str,
        port: int,
        websocket_port: int | None = None,
        tls: TlsFiles | None = None,
        collectors: Sequence[str] = (),
    ) -> None:
        """Write all but the passwords.

        Args:
            fleet: Name of the fleet.
            host: Address to listen on.
            port: For MQTT.
            websocket_port: For MQTT inside WebSocket; ``None`` for none.
            tls: Encrypts both.
            collectors: Names of collectors beside the cloud.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        services = ["cloud", *(f"cloud-{checked_name(name, 'collector')}" for name in collectors)]
        self._put("acl", _acl(fleet, services))
        self._put("services", "\n".join([*services, ""]))
        listeners = [_listener(host, port, tls)]
        if websocket_port is not None:
            listeners.append([*_listener(host, websocket_port, tls), "protocol websockets"])
        lines = [
            "# Made by `edgefleet broker config mosquitto`; mosquitto -c this file.",
            "per_listener_settings false",
            "allow_anonymous false",
            "allow_zero_length_clientid false",
            f"password_file {self._folder / 'passwords'}",
            f"acl_file {self._folder / 'acl'}",
            f"pid_file {self._folder / 'mosquitto.pid'}",
            "message_size_limit 131072",
            "max_packet_size 262144",
            "max_queued_messages 1000",
            "max_inflight_messages 100",
            "persistence true",
            f"persistence_location {self._folder}/",
            *(line for listener in listeners for line in listener),
        ]
        self._put("mosquitto.conf", "\n".join([*lines, ""]))

    @property
    def has_passwords(self) -> bool:
        """Whether it was said who may speak."""
        return (self._folder / "passwords").exists()

    def service_password(self) -> str:
        """Return the password of user ``cloud``, made when it is asked for the first time."""
        path = self._folder / "service-password"
        if not path.exists():
            self._put(path.name, secrets.token_urlsafe(32) + "\n")
        return path.read_text(encoding="ascii").strip()

    def hashes(self) -> dict[str, str]:
        """Return who is let in besides the cloud, as it was written last."""
        path = self._folder / "passwords"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        pairs = (line.partition(":") for line in lines)
        return {name: hashed for name, _, hashed in pairs if not f"{name}-".startswith("cloud-")}

    def write_passwords(self, hashes: Mapping[str, str]) -> None:
        """Let these devices in, by name, and the cloud itself; a mosquitto that runs is told.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        password = self.service_password()
        services = self._services()
        everybody = {**hashes, **{name: mosquitto_hash(password) for name in services}}
        lines = [f"{name}:{hashed}\n" for name, hashed in sorted(everybody.items())]
        self._put("passwords", "".join(lines))
        self._reload()

    def _services(self) -> list[str]:
        try:
            return (self._folder / "services").read_text(encoding="ascii").split()
        except OSError as error:
            raise UnavailableError(
                f"{str(self._folder)!r} has no files of mosquitto: {error.strerror}; make them "
                "with `edgefleet broker config mosquitto --out DIR`"
            ) from error

    def _put(self, name: str, text: str) -> None:
        write_durably(self._folder / name, text.encode())
        with contextlib.suppress(OSError):  # where a mosquitto of another user reads them
            owner = self._folder.stat()
            os.chown(self._folder / name, owner.st_uid, owner.st_gid)

    def _reload(self) -> None:
        """Tell the mosquitto that was started with these files to read them again."""
        try:
            pid = int((self._folder / "mosquitto.pid").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return  # it does not run
        try:
            if hasattr(signal, "SIGHUP") and _is_mosquitto(pid):
                os.kill(pid, signal.SIGHUP)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise UnavailableError(
                f"mosquitto has new passwords in {str(self._folder)!r} and cannot be told: send "
                f"SIGHUP to process {pid}"
            ) from error


def _is_mosquitto(pid: int) -> bool:
    """Return whether a process is a mosquitto, as far as the system says what it is."""
    try:
        return b"mosquitto" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not Path("/proc/self").exists()


def _acl(fleet: str, services: Sequence[str]) -> str:
    root = f"ef1/{checked_name(fleet, 'fleet')}"
    lines = [
        "# Made by `edgefleet broker config mosquitto`. %u is the client's user name, and its id.",
        *(f"user {name}\ntopic readwrite {root}/#\n" for name in services),
        *(f"pattern write {root}/{channel}/+/%u" for channel in ("t", "e")),
        *(f"pattern read {root}/{channel}/%u" for channel in ("d", "a", "c")),
        f"pattern read {root}/c/all",
        f"pattern read {root}/s",
    ]
    return "\n".join([*lines, ""])


def _listener(host: str, port: int, tls: TlsFiles | None) -> list[str]:
    lines = ["", f"listener {port} {host}", "use_username_as_clientid true"]
    if tls is not None:
        lines += [f"certfile {tls.certificate.absolute()}", f"keyfile {tls.key.absolute()}"]
    return lines
