"""Runs a program that the kernel ends when the thread which started it is gone.

Usage: ``python die_with_parent.py PARENT_PID PROGRAM [ARGUMENT ...]``, on Linux. The process
becomes the program, so its pid stays the same. Asking in a fresh process, and not between ``fork``
and ``exec``, is safe in a parent with threads.
"""

import ctypes
import os
import signal
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Ask the kernel for the signal and become the program; return only if the parent is gone."""
    parent_pid, program, *rest = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != int(parent_pid):  # it died before the kernel knew of our wish
        return
    os.execv(program, [program, *rest])  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
