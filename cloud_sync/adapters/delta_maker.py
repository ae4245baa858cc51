"""Has deltas made by a child process that lives while there are some to make."""

import contextlib
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final

from cloud_sync.adapters.delta_child import made
from edge_contract.errors import EdgeError, UnavailableError

__all__ = ["DeltaMaker"]

_SMALL_BYTES: Final = 2**17
"""Both files together: made at once, in milliseconds, and not worth a process."""

_DIE_WITH_PARENT: Final = Path(__file__).with_name("die_with_parent.py")


class DeltaMaker:
    """Makes one delta at a time, within limits. Used by one thread, but for :meth:`close`.

    Args:
        max_memory_bytes: What the child may take.
        max_s: How long one delta may take.
    """

    def __init__(self, *, max_memory_bytes: int, max_s: float) -> None:
        self._max_memory_bytes = max_memory_bytes
        self._max_s = max_s
        self._lock = threading.Lock()
        self._closed = False
        self._child: subprocess.Popen[str] | None = None

    def make(self, old: Path | None, new: Path, out: Path, *, compression: str) -> int:
        """Write a delta and return its size.

        Args:
            old: The file that devices have; ``None`` for a delta that needs none.
            new: The file that they shall have.
            out: Where the delta goes.
            compression: By its name.

        Raises:
            UnavailableError: It takes too much memory or time, or a file cannot be read or written.
        """
        paths = [new] if old is None else [old, new]
        try:
            if sum(path.stat().st_size for path in paths) <= _SMALL_BYTES:
                before = b"" if old is None else old.read_bytes()
                return out.write_bytes(made(before, new.read_bytes(), compression=compression))
        except (EdgeError, OSError) as error:
            raise UnavailableError(f"cannot make a delta: {error}") from error
        asked = {
            "old": "" if old is None else str(old),
            "new": str(new),
            "out": str(out),
            "compression": compression,
        }
        return self._answer(json.dumps(asked))

    def rest(self) -> None:
        """Let the child end, and its memory with it: there is nothing to make for now."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            with child:  # closes its standard input, and waits
                pass

    def close(self) -> None:
        """Break off what is being made; nothing is made afterwards. For any thread.

        Whoever makes deltas calls :meth:`rest` then.
        """
        with self._lock:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _answer(self, asked: str) -> int:
        child = self._running()
        patience = threading.Timer(self._max_s, child.kill)
        patience.start()
        try:
            line = _exchanged(child, asked)
        finally:
            patience.cancel()
        if not line:
            self._forget(child)
            raise UnavailableError(
                f"cannot make a delta: the process that makes it ended (code {child.returncode}) "
                f"within its {self._max_s:.0f} s and {self._max_memory_bytes} bytes of memory"
            )
        answer = json.loads(line)
        if "error" in answer:
            raise UnavailableError(f"cannot make a delta: {answer['error']}")
        return int(answer["size"])

    def _running(self) -> subprocess.Popen[str]:
        with self._lock:
            if self._closed:
                raise UnavailableError("cannot make a delta: the cloud leaves")
            if self._child is None:
                self._child = self._started()
            return self._child

    def _started(self) -> subprocess.Popen[str]:
        module = "cloud_sync.adapters.delta_child"
        command = [sys.executable, "-m", module, str(self._max_memory_bytes)]
        if sys.platform == "linux":
            # The thread that starts it makes all deltas, so it lives longer than the child.
            launcher = [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid())]
            command = [*launcher, *command]
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                start_new_session=True,  # Ctrl-C is for the cloud, which ends it in order
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
                },
            )
        except OSError as error:
            raise UnavailableError(f"cannot make deltas: no process starts: {error}") from error

    def _forget(self, child: subprocess.Popen[str]) -> None:
        child.kill()
        with contextlib.suppress(OSError), child:  # what was not read by it is lost
            pass
        with self._lock:
            self._child = None


def _exchanged(child: "subprocess.Popen[str]", line: str) -> str:
    """Return the answer to a line; nothing if the child has ended."""
    if child.stdin is None or child.stdout is None:
        return ""
    try:
        child.stdin.write(f"{line}\n")
        child.stdin.flush()
        return child.stdout.readline()
    except OSError:
        return ""
