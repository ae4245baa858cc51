"""How commands that stay are ended."""

import signal
import threading

__all__ = ["leave_on_signal"]


def leave_on_signal() -> threading.Event:
    """Return an event that Ctrl-C, and whoever asks the process to end, sets."""
    leave = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: leave.set())
    return leave
