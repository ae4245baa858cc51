"""Real brokers for tests: on free loopback ports, ended with the test process.

Every test that needs a broker runs against both, because the system promises to work with any.
"""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import Protocol

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.listening import answers_mqtt, free_port
from cloud_sync.adapters.nats_broker import BrokerConfig, EmbeddedBroker
from tests.support.links import wait_until

__all__ = ["BROKERS", "Broker", "MosquittoBroker", "NatsBroker", "freeze", "make_broker", "thaw"]

BROKERS = ("nats", "mosquitto")


class Broker(Protocol):
    """A broker whose ports stay the same over restarts."""

    @property
    def url(self) -> str:
        """Where to connect."""
        ...

    @property
    def websocket_url(self) -> str:
        """The same through WebSocket."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id; ``None`` while it does not run."""
        ...

    def start(self) -> None:
        """Start; on return it answers."""
        ...

    def stop(self) -> None:
        """End in good order. Idempotent."""
        ...

    def kill9(self) -> None:
        """End as a crash would."""
        ...

    def restart(self) -> None:
        """Stop whatever is left and start again on the same ports and data."""
        ...


class NatsBroker:
    """The broker that comes with the service."""

    def __init__(self, folder: Path) -> None:
        self._broker = EmbeddedBroker(
            BrokerConfig(data_folder=folder, mqtt_port=0, websocket_port=0)
        )

    @property
    def url(self) -> str:
        return self._broker.mqtt_url

    @property
    def websocket_url(self) -> str:
        return self._broker.websocket_url or ""

    @property
    def pid(self) -> int | None:
        return self._broker.pid

    def start(self) -> None:
        self._broker.start()

    def stop(self) -> None:
        self._broker.stop()

    def kill9(self) -> None:
        self._broker.kill()

    def restart(self) -> None:
        self._broker.restart()


class MosquittoBroker:
    """Mosquitto as Debian packages it.

    Args:
        folder: Where it works; made if missing.
        persistence: Whether it keeps retained messages over a restart in good order. It forgets
            them on ``kill -9`` either way.
        anonymous: Whether it lets clients in without credentials; otherwise it lets nobody in.
    """

    def __init__(self, folder: Path, *, persistence: bool = False, anonymous: bool = True) -> None:
        self._folder = folder.absolute()
        self._persistence = persistence
        self._anonymous = anonymous
        self._port = free_port("127.0.0.1")
        self._websocket_port = free_port("127.0.0.1", besides=[self._port])
        self._process: ChildProcess | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self._port}"

    @property
    def websocket_url(self) -> str:
        return f"ws://127.0.0.1:{self._websocket_port}/mqtt"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        config_file = self._folder / "mosquitto.conf"
        config_file.write_text(self._config_text())
        process = ChildProcess(
            [_find_mosquitto(), "-c", str(config_file)], self._folder, name="mosquitto"
        )
        process.claim()
        process.start()
        self._process = process
        deadline_s = time.monotonic() + 10.0
        while not answers_mqtt("127.0.0.1", self._port):
            if process.exit_code is not None or time.monotonic() > deadline_s:
                self.stop()
                raise AssertionError(f"mosquitto did not start: {process.output()}")
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill9(self) -> None:
        if self._process is not None:
            self._process.kill()

    def restart(self) -> None:
        self.stop()
        self.start()

    def _config_text(self) -> str:
        lines = [
            "user root",  # started by root it would turn into a user that cannot read our folder
            f"allow_anonymous {str(self._anonymous).lower()}",
            f"persistence {str(self._persistence).lower()}",
            f"persistence_location {self._folder}/",
            f"listener {self._port} 127.0.0.1",
            f"listener {self._websocket_port} 127.0.0.1",
            "protocol websockets",
        ]
        return "\n".join([*lines, ""])


def make_broker(name: str, folder: Path) -> Broker:
    """Return the broker called ``name``, not started."""
    return NatsBroker(folder) if name == "nats" else MosquittoBroker(folder)


def freeze(broker: Broker) -> None:
    """Let the broker's process stand still: it accepts connections and answers nothing."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    wait_until(lambda: _has_stopped(broker.pid))


def thaw(broker: Broker) -> None:
    """Let a frozen broker go on."""
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGCONT)


def _has_stopped(pid: int | None) -> bool:
    """Return whether every thread of a process has stopped, which may take a while."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)


def _find_mosquitto() -> str:
    """Return its path. Debian installs it where only root's PATH looks."""
    found = shutil.which(
        "mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    )
    if found is None:
        raise AssertionError("mosquitto is missing: install it with 'apt-get install -y mosquitto'")
    return found
