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
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cloud_sync.adapters.client_certificates import (
    is_revocation_list_of,
    make_service_files,
    revocation_list,
)
from cloud_sync.adapters.durable_files import write_durably
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UnavailableError
from edge_contract.names import checked_name

__all__ = ["MosquittoFiles", "mosquitto_hash"]

_REVOKED: Final = "revoked.pem"
_OUT: Final = "# Put out of the fleet."
_STARTS_S: Final = 10.0
_ROUNDS: Final = 101  # mosquitto's own number; the passwords are chance, there is nothing to guess


def mosquitto_hash(password: str) -> str:
    """Return a password as mosquitto keeps it: PBKDF2 with SHA-512."""
    return _hashed(password, secrets.token_bytes(12))


def _hashed(password: str, salt: bytes) -> str:
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    encoded = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"$7${_ROUNDS}${'$'.join(encoded)}"


def _is_hash_of(password: str, hashed: str) -> bool:
    try:
        salt = base64.b64decode(hashed.split("$")[3], validate=True)
    except (IndexError, ValueError):
        return False
    return _hashed(password, salt) == hashed


class MosquittoFiles:
    """A folder with ``mosquitto.conf``, ``acl``, ``passwords`` and ``service-password``.

    Args:
        folder: Where; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._has_news = False

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
            UsageError: Devices are to show certificates, and the authority's key is not there.
            UnavailableError: The folder cannot be written.
        """
        services = ["cloud", *(f"cloud-{checked_name(name, 'collector')}" for name in collectors)]
        self._put("acl", _acl(fleet, services) + self._put_out())
        self._put("services", "\n".join([*services, ""]))
        listeners = [[*_listener(host, port, tls), *self._asking(tls, services)]]
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
        return {
            name: hashed
            for name, hashed in self._kept().items()
            if not f"{name}-".startswith("cloud-")
        }

    def write_passwords(self, hashes: Mapping[str, str]) -> None:
        """Let these devices in, by name, and the cloud itself; a mosquitto that runs is told.

        Raises:
            UnavailableError: The folder cannot be written.
        """
        password = self.service_password()
        kept = self._kept()
        services = {
            name: kept[name]
            if _is_hash_of(password, kept.get(name, ""))
            else mosquitto_hash(password)
            for name in self._services()
        }
        lines = [f"{name}:{hashed}\n" for name, hashed in sorted({**hashes, **services}.items())]
        self._put("passwords", "".join(lines))
        if self._has_news:  # one that starts at this moment would end at the signal
            self._reload()
            self._has_news = False

    @property
    def asks_clients(self) -> bool:
        """Whether devices have to show certificates."""
        return (self._folder / _REVOKED).exists()

    def write_revoked(self, devices: Sequence[str], serials: Sequence[str], tls: TlsFiles) -> None:
        """Let certificates count no more; :meth:`write_passwords` then tells a mosquitto that runs.

        Args:
            devices: Those that were put out: what is still connected says and hears nothing more.
            serials: Of the certificates.
            tls: With the authority, which signs the list.

        Raises:
            UsageError: The authority's key is not there.
            UnavailableError: The folder cannot be written.
        """
        rights = (self._folder / "acl").read_text(encoding="utf-8").partition(_OUT)[0]
        out = [f"user {checked_name(device, 'device')}\ntopic deny #\n" for device in devices]
        self._put("acl", rights + "\n".join([_OUT, *out]))
        path = self._folder / _REVOKED
        if not is_revocation_list_of(path, serials, tls):
            self._put(_REVOKED, revocation_list(tls, serials).decode())

    def _put_out(self) -> str:
        """Return the part of the rights that says who was put out, as it was written last."""
        path = self._folder / "acl"
        found = path.read_text(encoding="utf-8") if path.exists() else ""
        _, mark, devices = found.partition(_OUT)
        return mark + devices

    def _asking(self, tls: TlsFiles | None, services: Sequence[str]) -> list[str]:
        """Return what makes clients show certificates, by which they are known from then on."""
        if tls is None or tls.ca_certificate is None or not tls.asks_clients:
            (self._folder / _REVOKED).unlink(missing_ok=True)
            return []
        for name in services:
            make_service_files(self._folder, name, tls)
        if not self.asks_clients:
            self._put(_REVOKED, revocation_list(tls, ()).decode())
        return [
            f"cafile {tls.ca_certificate.absolute()}",
            f"crlfile {self._folder / _REVOKED}",
            "require_certificate true",
            "use_identity_as_username true",
        ]

    def _services(self) -> list[str]:
        try:
            return (self._folder / "services").read_text(encoding="ascii").split()
        except OSError as error:
            raise UnavailableError(
                f"{str(self._folder)!r} has no files of mosquitto: {error.strerror}; make them "
                "with `edgefleet broker config mosquitto --out DIR`"
            ) from error

    def _kept(self) -> dict[str, str]:
        path = self._folder / "passwords"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return {name: hashed for name, _, hashed in (line.partition(":") for line in lines)}

    def _put(self, name: str, text: str) -> None:
        path = self._folder / name
        if path.exists() and path.read_bytes() == text.encode():
            return
        self._has_news = True
        write_durably(path, text.encode())
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
            if hasattr(signal, "SIGHUP") and _is_mosquitto(pid) and _waits_for_news(pid):
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


def _waits_for_news(pid: int) -> bool:
    """Wait until a mosquitto that is starting would hear of news; before, the signal ends it.

    False if it has ended.

    Raises:
        UnavailableError: It has not started within ten seconds.
    """
    status, deadline_s = Path(f"/proc/{pid}/status"), time.monotonic() + _STARTS_S
    if not Path("/proc/self/status").exists():
        return True  # nothing tells
    while time.monotonic() < deadline_s:
        try:
            lines = status.read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        caught = next((line for line in lines if line.startswith("SigCgt:")), "SigCgt: 0")
        if int(caught.split()[1], 16) >> (signal.SIGHUP - 1) & 1:
            return True
        time.sleep(0.01)
    raise UnavailableError(
        f"mosquitto has new passwords and does not start: send SIGHUP to process {pid} when it has"
    )


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
