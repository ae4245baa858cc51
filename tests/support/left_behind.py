"""Ends what a run of tests leaves behind, however the run ends: by a time limit, by ``kill -9``.

Clouds and brokers are sessions of their own, so whoever ends a run's group of processes misses
them. Here a process beside the run reads a pipe from it. When the run is gone it ends all that
carries the run's mark in its environment, which every process has from whoever started it.
"""

import contextlib
import os
import secrets
import select
import signal
import sys
import time
from pathlib import Path

__all__ = ["MARK", "ends_with_this_process"]

MARK = "PROCESSES_OF_TEST_RUN"
"""Environment variable of all that a run has started."""

_LOOK_S = 1.0
_PATIENCE_S = 5.0


def ends_with_this_process() -> None:
    """Let everything that is started from now on end soon after this process, on Linux.

    Started processes must keep the environment that they get. Within a run that does so already
    this does nothing: all ends with the whole run.
    """
    if sys.platform != "linux" or MARK in os.environ:
        return
    mark = secrets.token_hex(8)
    heard, _held = os.pipe()  # open as long as we live
    nowhere = (os.devnull, os.O_WRONLY, 0o600)
    os.posix_spawn(
        sys.executable,
        [sys.executable, "-I", "-S", __file__, str(os.getpid()), mark],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_DUP2, heard, 0),
            (os.POSIX_SPAWN_OPEN, 1, *nowhere),
            (os.POSIX_SPAWN_OPEN, 2, *nowhere),
        ],
        setsid=True,
    )
    os.close(heard)
    os.environ[MARK] = mark


def _main(run: int, mark: str) -> None:
    # A process that the run has forked may hold the other end of the pipe as well.
    while os.getppid() == run and not select.select([sys.stdin], [], [], _LOOK_S)[0]:
        pass
    wanted = f"{MARK}={mark}".encode()
    ends_s = time.monotonic() + _PATIENCE_S
    number = signal.SIGTERM
    while _signalled(wanted, number):
        time.sleep(0.2)
        number = signal.SIGTERM if time.monotonic() < ends_s else signal.SIGKILL


def _signalled(wanted: bytes, number: signal.Signals) -> int:
    """Send a signal to every process with the mark; return how many there were."""
    found = 0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended, or is somebody else's
            handle = os.pidfd_open(int(folder.name))
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    signal.pidfd_send_signal(handle, number)
                    found += 1
            finally:
                os.close(handle)
    return found


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2])
