"""Real nats-servers on this machine, from the files that `edgefleet broker config` writes."""

from pathlib import Path

from cloud_sync.adapters.child_process import ChildProcess
from cloud_sync.adapters.listening import check_port, free_port
from cloud_sync.adapters.nats_broker import find_nats_server
from cloud_sync.adapters.nats_files import NatsFiles
from edge_contract.errors import UnavailableError

__all__ = ["NatsCluster"]

_HOST = "127.0.0.1"


class NatsCluster:
    """A cluster whose ports stay the same over restarts; its servers end with the test process.

    Args:
        folder: For its files; they are what a cloud is given as its broker's files.
        servers: How many.
    """

    def __init__(self, folder: Path, *, servers: int = 3) -> None:
        self.folder = folder
        mqtt, nats, routes = _free_rows(3, servers)
        configs = NatsFiles(folder).write_cluster(
            servers, host=_HOST, port=mqtt, nats_port=nats, cluster_port=routes
        )
        self.urls = [f"mqtt://{_HOST}:{mqtt + number}" for number in range(servers)]
        self._configs = configs
        self._servers: list[ChildProcess | None] = [None] * servers

    @property
    def url(self) -> str:
        """All addresses, as devices are told them."""
        return ",".join(self.urls)

    def start(self) -> None:
        """Start all servers; they find each other in the background."""
        for number in range(len(self._configs)):
            self.start_server(number)

    def start_server(self, number: int) -> None:
        """Start one server, again or for the first time."""
        self.stop_server(number)
        config = self._configs[number]
        server = ChildProcess(
            [find_nats_server(), "--config", str(config)], config.parent, name="nats-server"
        )
        server.claim()
        server.start()
        self._servers[number] = server

    def kill_server(self, number: int) -> None:
        """End one server as a crash would."""
        server = self._servers[number]
        assert server is not None, "it does not run"
        server.kill()

    def stop_server(self, number: int) -> None:
        """End what is left of one server. Idempotent."""
        server = self._servers[number]
        if server is not None:
            server.stop()
            self._servers[number] = None

    def stop(self) -> None:
        """End all servers. Idempotent."""
        for number in range(len(self._configs)):
            self.stop_server(number)


def _free_rows(rows: int, length: int) -> list[int]:
    """Return the first ports of rows of free ports, none of which meets another."""
    found: list[int] = []
    taken: set[int] = set()
    while len(found) < rows:
        first = free_port(_HOST, besides=taken)
        row = range(first, first + length)
        if taken.isdisjoint(row) and all(_is_free(port) for port in row):
            found.append(first)
            taken.update(row)
    return found


def _is_free(port: int) -> bool:
    try:
        check_port(_HOST, port, option="port")
    except UnavailableError:
        return False
    return True
