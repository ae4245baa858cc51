"""The demo's cameras, seen from outside: processes that are started, told things, and killed."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from edge_agent.config import ring_folder
from edgefleet.demo.tally import Tally, TallyFile

__all__ = ["Camera", "Cameras"]

_LEAVE_S: Final = 25.0


class Camera:
    """One camera process, over all its lives.

    Args:
        name: Of the device.
        folder: For its state; made here.
        images: ``.npz`` with what it sees.
        cloud: URL of the broker.
        rate_hz: Pictures a second.
    """

    def __init__(
        self, name: str, folder: Path, *, images: Path, cloud: str, rate_hz: float
    ) -> None:
        self.name = name
        self.dirty = 0.0
        self._folder = folder
        self._folder.mkdir(parents=True)
        self._tally = TallyFile(folder / "tally")
        self._command = [
            *(sys.executable, "-m", "edgefleet.demo.camera"),
            *("--name", name, "--cloud", cloud, "--state", str(folder)),
            *("--images", str(images), "--rate-hz", str(rate_hz)),
        ]
        self._process: subprocess.Popen[str] | None = None

    @property
    def tally(self) -> Tally:
        """The camera's own counts, whether it lives or not."""
        return self._tally.value

    @property
    def counts(self) -> tuple[int, int] | None:
        """Batches and rows that its agent counted, told in a pause."""
        path = self._folder / "counts"
        if not path.exists():
            return None
        batches, rows = path.read_text().split()
        return int(batches), int(rows)

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the process; after a kill it takes up its state again."""
        with (self._folder / "camera.err").open("a") as errors:
            self._process = subprocess.Popen(
                [*self._command, "--dirty", str(self.dirty)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                text=True,
                start_new_session=True,  # Ctrl-C goes to the demo, which then stops the cameras
            )

    def tell(self, order: str) -> None:
        """Give the process an order; a dead one hears nothing."""
        if self._process is not None and self._process.stdin is not None:
            try:
                self._process.stdin.write(f"{order}\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                return

    def soil(self, level: float) -> None:
        """Make the lens dirty; it stays so over restarts."""
        self.dirty = level
        self.tell(f"dirty {level}")

    def kill(self) -> None:
        """End the process as a power switch would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def last_words(self) -> str:
        """Return the end of what the process wrote to standard error."""
        return (self._folder / "camera.err").read_text()[-2000:]

    def ask_to_leave(self) -> None:
        """Ask the process to end by itself."""
        if self._process is not None and self._process.stdin is not None:
            self.tell("stop")
            self._process.stdin.close()

    def end(self, deadline_s: float) -> None:
        """Wait until the process has ended, and end it if it has not by then."""
        if self._process is None:
            return
        try:
            self._process.wait(max(deadline_s - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self.kill()
        self._tally.close()
        shutil.rmtree(ring_folder(self._folder), ignore_errors=True)


class Cameras(Sequence[Camera]):
    """All cameras; leaving the ``with`` block ends every process."""

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self._cameras = list(cameras)

    def __enter__(self) -> "Cameras":
        """Start all of them."""
        for camera in self._cameras:
            camera.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End all of them."""
        for camera in self._cameras:
            camera.ask_to_leave()
        deadline_s = time.monotonic() + _LEAVE_S
        for camera in self._cameras:
            camera.end(deadline_s)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._cameras)

    def __getitem__(self, index: int) -> Camera:  # type: ignore[override]
        """One of them; slices are not needed."""
        return self._cameras[index]

    def __iter__(self) -> Iterator[Camera]:
        """Each of them."""
        return iter(self._cameras)

    def tell(self, order: str) -> None:
        """Give all of them an order."""
        for camera in self._cameras:
            camera.tell(order)

    def total(self) -> Tally:
        """Return the sum of all counts."""
        return Tally(*(sum(column) for column in zip(*(c.tally for c in self), strict=True)))
