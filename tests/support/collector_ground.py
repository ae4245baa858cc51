"""What collectors stand on: a registry with one package, a durable database, their processes."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cloud_sync.adapters.folder_registry import FolderRegistry
from edge_contract.package import Role
from tests.support.postgres import PostgresServer
from tests.support.telemetry import counting_package, facts_of

__all__ = ["CollectorGround"]

_ROOT: Final = Path(__file__).parents[2]
_LOOK_S: Final = 0.02


class CollectorGround:
    """A folder with a package, PostgreSQL, and collectors of one store that are started and killed.

    Args:
        folder: For data and logs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = PostgresServer(durable=True)
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start the database; no collector runs yet."""
        package = counting_package()
        with closing(FolderRegistry(self.folder)) as registry:
            registry.put(package, at_unix_s=1.0)
        self.spec = facts_of(package).specs[Role.PRIMARY]
        with ExitStack() as stack:
            stack.callback(self.postgres.close)
            self.postgres.start()
            self.store = self.postgres.new_database()
            stack.callback(self._kill_all)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill all collectors, and end the database."""
        self._stack.close()

    def start(self, name: str, words: Sequence[str], *, broker: str, fleet: str) -> None:
        """Start ``edgefleet cloud ...`` under a name, again or for the first time."""
        command = [sys.executable, "-m", "edgefleet", "cloud", *words, "--name", name]
        command += ["--store", self.store, "--broker", broker, "--fleet", fleet]
        command += ["--data", str(self.folder), "--interval", "10", "--open-enrolment"]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """End a collector as a crash would."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def is_connected(self, name: str) -> bool:
        """Whether a collector ever said that it reached the broker."""
        return "connected to the broker" in self._log(name)

    def wait_until(self, what: str, holds: Callable[[], bool], within_s: float = 60.0) -> None:
        """Look again and again; tell the ends of all logs if it does not happen."""
        deadline_s = time.monotonic() + within_s
        while not holds():
            if time.monotonic() > deadline_s:
                logs = "\n".join(self._log(name)[-1500:] for name in self.running)
                raise AssertionError(f"{what}: it did not happen within {within_s:.0f} s\n{logs}")
            time.sleep(_LOOK_S)

    def _log(self, name: str) -> str:
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _kill_all(self) -> None:
        for name in list(self.running):
            self.kill(name)
