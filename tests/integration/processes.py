"""Clouds and cameras as real processes on loopback: started, killed, started again, looked into."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from cloud_sync.adapters.listening import free_port
from edge_agent.config import ring_folder
from edge_contract.errors import UnavailableError
from edgefleet import Cloud
from edgefleet.demo.tally import Tally, TallyFile

__all__ = ["ROOT", "Cameras", "CloudProcess", "Counts", "Outcome", "cli", "eventually", "tail"]

ROOT: Final = Path(__file__).parents[2]
_LOOK_S: Final = 0.05

T = TypeVar("T")


def eventually(what: str, look: Callable[[], T], *, within_s: float = 20.0) -> T:
    """Look again and again; return the first answer that is true."""
    deadline_s = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{what}: it did not happen within {within_s:.0f} s: {found!r}")
        time.sleep(_LOOK_S)
    return found


def tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


class Outcome(NamedTuple):
    """What a call of the command left behind."""

    code: int
    out: str
    err: str


def cli(*words: str | Path, cloud: str = "", stdin: str = "", within_s: float = 30.0) -> Outcome:
    """Call ``edgefleet`` as a user does, and wait for its end."""
    done = subprocess.run(
        [sys.executable, "-m", "edgefleet", *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "EDGEFLEET_CLOUD": cloud, "COLUMNS": "200"},
        timeout=within_s,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


class _Process:
    """One program over all its lives; what it writes goes to one log."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "it was never started"
        return self._process.pid

    def _spawn(self, command: Sequence[str]) -> None:
        assert self._process is None or self._process.poll() is not None, "it runs already"
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                cwd=ROOT,
                start_new_session=True,
            )

    def _end(self, number: int, within_s: float = 15.0) -> int | None:
        """Send a signal and return the exit code; ``None`` if it was not running."""
        if self._process is None:
            return None
        with self._process as process:  # closes its standard input
            if process.poll() is not None:
                return None
            process.send_signal(number)
            try:
                return process.wait(within_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise

    def kill9(self) -> None:
        assert self._end(signal.SIGKILL) == -signal.SIGKILL, tail(self.log)

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop the process as a machine that swaps does; it goes on afterwards."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)


class CloudProcess(_Process):
    """``edgefleet cloud run`` on ports and a folder that stay the same over restarts.

    Args:
        folder: For data and log.
        broker: URL of a broker to use in place of the embedded one.
        interval_s: Length of telemetry windows.
        options: More words for the command line.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker: str = "",
        interval_s: float = 0.5,
        options: Sequence[str] = (),
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(folder / "cloud.log")
        self.data = folder / "data"
        self.http_port = free_port("127.0.0.1")
        self._mqtt_port = free_port("127.0.0.1", besides=[self.http_port])
        self.broker_url = broker or f"mqtt://127.0.0.1:{self._mqtt_port}"
        self.client = Cloud(f"http://127.0.0.1:{self.http_port}", program="test")
        where = ["--broker", broker] if broker else ["--mqtt-port", str(self._mqtt_port)]
        self._command = [
            *(sys.executable, "-m", "edgefleet", "cloud", "run", "--data", str(self.data)),
            *("--http-port", str(self.http_port), "--interval", str(interval_s)),
            *(*where, *options),
        ]

    @property
    def url(self) -> str:
        return self.client.url

    @property
    def broker_pid(self) -> int | None:
        """Of the embedded broker; ``None`` while there is none."""
        path = self.data / "broker" / "pid"
        return int(path.read_text()) if path.exists() else None

    @property
    def broker_login(self) -> tuple[str, str]:
        """What the cloud gives the embedded broker: who has it can say anything to anybody."""
        return "cloud", (self.data / "broker" / "service-password").read_text().strip()

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._spawn(self._command)
        eventually("the cloud answers", self._answers, within_s=30.0)

    def stop(self) -> int | None:
        """End it as an operator does; return its exit code."""
        return self._end(signal.SIGTERM)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        if self._end(signal.SIGTERM) not in (None, 0) and error is None:
            raise AssertionError(f"the cloud did not end in good order:\n{tail(self.log)}")

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the cloud ended by itself:\n{tail(self.log)}")
        try:
            self.client.summary()
        except UnavailableError:
            return False
        return True


class Counts(NamedTuple):
    """What an agent counted itself, as it said in a pause."""

    batches: int
    rows: int
    waiting: int


class Cameras(_Process):
    """A process with one agent or more, over all its lives.

    Args:
        folder: For the devices' states and the log.
        devices: Their names.
        broker: URL.
        rate_hz: Rows a second and device.
        model: Name of the model, or path of a package to start with.
        interval_s: Length of telemetry windows until the cloud says otherwise.
        outbox_bytes: What may wait on each device.
    """

    def __init__(
        self,
        folder: Path,
        devices: Sequence[str],
        *,
        broker: str,
        rate_hz: float = 30.0,
        model: str = "gate",
        interval_s: float = 0.5,
        outbox_bytes: int = 32_000_000,
    ) -> None:
        self.devices = tuple(devices)
        self.folder = folder
        for device in devices:
            (folder / device).mkdir(parents=True, exist_ok=True)
        super().__init__(folder / f"{devices[0]}.log")
        self._tallies = [TallyFile(folder / device / "tally") for device in devices]
        self._command = [
            *(sys.executable, "-m", "tests.integration.camera", "--model", model),
            *("--broker", broker, "--devices", ",".join(devices), "--folder", str(folder)),
            *("--rate-hz", str(rate_hz), "--interval", str(interval_s)),
            *("--outbox-bytes", str(outbox_bytes)),
        ]

    @property
    def tally(self) -> Tally:
        """What ``predict`` did on all devices together, whether the process lives or not."""
        return Tally(
            *(sum(column) for column in zip(*(t.value for t in self._tallies), strict=True))
        )

    @property
    def counts(self) -> Counts | None:
        """What all agents counted; ``None`` before they have said so in a pause."""
        found = [self._counts(device) for device in self.devices]
        told = [one for one in found if one is not None]
        if len(told) < len(found):
            return None
        return Counts(*(sum(column) for column in zip(*told, strict=True)))

    def start(self) -> None:
        """Start it; after a kill it takes up its states again. Returns at once."""
        for device in self.devices:
            (self.folder / device / "counts").unlink(missing_ok=True)
        self._spawn(self._command)

    def tell(self, order: str) -> None:
        """Give it an order."""
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.poll() is None, f"the cameras have ended:\n{tail(self.log)}"
        self._process.stdin.write(f"{order}\n")
        self._process.stdin.flush()

    def pause(self) -> None:
        """Let no call be under way any more."""
        for device in self.devices:  # what was said in an earlier pause is no answer
            (self.folder / device / "counts").unlink(missing_ok=True)
        self.tell("pause")
        eventually("cameras pause", lambda: self.counts is not None)

    def stop(self) -> None:
        """End it in good order."""
        self.tell("stop")
        assert self._process is not None
        with self._process as process:
            assert process.wait(20.0) == 0, tail(self.log)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end(signal.SIGKILL)
        for tally in self._tallies:
            tally.close()
        for device in self.devices:
            shutil.rmtree(ring_folder(self.folder / device), ignore_errors=True)

    def _counts(self, device: str) -> Counts | None:
        path = self.folder / device / "counts"
        return Counts(*map(int, path.read_text().split())) if path.exists() else None
