"""A program that runs as long as we do and no longer.

Three guards, so that no program outlives its service and none is started twice on the same data:

* a lock on the folder, which the operating system releases however we end: one owner at a time;
* on Linux the kernel ends the program when we are gone, even by ``kill -9``;
* elsewhere the next start finds the program by its pid file and ends it.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from cloud_sync.adapters.folder_lock import FolderLock
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["ChildProcess"]

_DIE_WITH_PARENT: Final = Path(__file__).with_name("die_with_parent.py")
_PATIENCE_S: Final = 5.0


class ChildProcess:
    """One program and the folder that it works in.

    Args:
        command: The program's path and its arguments. One argument must lie inside ``folder``: by
            it our program is told from a stranger that got the same pid.
        folder: Holds ``lock``, ``pid`` and ``output.log``; made if missing.
        name: What people call the program, for messages.
    """

    def __init__(self, command: Sequence[str], folder: Path, *, name: str) -> None:
        self._command = list(command)
        self._folder = folder
        self._name = name
        self._lock: FolderLock | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id; ``None`` while the program does not run."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def claim(self) -> None:
        """Become the folder's only owner, and end a program that an owner before us left behind.

        Raises:
            UsageError: Another process holds the folder, or this one claimed it already.
            UnavailableError: The folder cannot be written.
        """
        if self._lock is not None:
            raise UsageError(f"the {self._name} is started already; stop it first")
        self._lock = FolderLock(self._folder, self._name)
        try:
            self._end_orphan()
        except OSError as error:
            raise UnavailableError(
                f"cannot end the {self._name} that an earlier run left behind: {error}; end it by "
                f"hand, its process id is in {str(self._folder / 'pid')!r}"
            ) from error

    def start(self) -> None:
        """Start the program in a claimed folder; returns when it runs, not when it is ready.

        Raises:
            UnavailableError: The program cannot be started.
        """
        try:
            self._process = self._spawn()
            (self._folder / "pid").write_text(f"{self._process.pid}\n", encoding="ascii")
        except OSError as error:
            raise UnavailableError(f"cannot start the {self._name}: {error}") from error

    @property
    def exit_code(self) -> int | None:
        """How the program ended; ``None`` while it runs and before it was started."""
        return None if self._process is None else self._process.poll()

    def output(self) -> str:
        """Return the last lines that the program wrote to its terminal."""
        with contextlib.suppress(FileNotFoundError):
            text = (self._folder / "output.log").read_text(encoding="utf-8", errors="replace")
            return "\n".join(text.strip().splitlines()[-5:])
        return ""

    def kill(self) -> None:
        """End the program at once, as a crash would; it gets no chance to write anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ask the program to end, insist after five seconds, and release the folder. Idempotent."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None
            (self._folder / "pid").unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _end_orphan(self) -> None:
        """End what an earlier owner left behind; we hold the lock, so that owner is gone."""
        try:
            pid = int((self._folder / "pid").read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):  # a clean end, or a crash while writing
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            if not self._is_ours(pid):
                return
            os.kill(pid, number)
            deadline_s = time.monotonic() + _PATIENCE_S
            while self._is_ours(pid) and time.monotonic() < deadline_s:
                time.sleep(0.02)

    def _is_ours(self, pid: int) -> bool:
        return str(self._folder) in _command_line(pid)

    def _spawn(self) -> subprocess.Popen[bytes]:
        """Start the program on a thread of its own that lives exactly as long as the program.

        The kernel watches the *thread* that started a process, not its process: a thread that ends
        earlier would take the program with it.
        """
        started: Future[subprocess.Popen[bytes]] = Future()
        threading.Thread(
            target=self._watch, args=(started,), name=f"{self._name}-watch", daemon=True
        ).start()
        return started.result()

    def _watch(self, started: "Future[subprocess.Popen[bytes]]") -> None:
        command = self._command
        if sys.platform == "linux":
            # -I -S: the launcher needs nothing but the standard library and starts in milliseconds.
            launcher = [sys.executable, "-I", "-S", str(_DIE_WITH_PARENT), str(os.getpid())]
            command = [*launcher, *command]
        try:
            with (self._folder / "output.log").open("wb") as output:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,  # Ctrl-C is for us: we end the program in our order
                )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()


def _command_line(pid: int) -> str:
    """Return the command line of a process; empty if there is none, or if nobody can tell."""
    if sys.platform == "win32":
        return ""
    if Path("/proc/self/cmdline").exists():
        try:
            raw = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return ""
        return raw.replace(b"\0", b" ").decode(errors="replace")
    ps = subprocess.run(
        [shutil.which("ps") or "/bin/ps", "-o", "command=", "-p", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    return ps.stdout
