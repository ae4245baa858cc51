"""Talks to the service manager that started this process, as systemd's ``sd_notify`` does.

A manager that wants to hear how its service is names a datagram socket in ``NOTIFY_SOCKET``; with
``WATCHDOG_USEC`` it asks for a sign of life at least that often, and restarts a service that gives
none. Without them everything here does nothing.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

__all__ = ["ServiceManager"]

_SECOND_US: Final = 1e6


class ServiceManager:
    """The manager named in the environment, if there is one.

    Args:
        environment: By default this process's.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = given.get("NOTIFY_SOCKET", "")
        self._watchdog = given.get("WATCHDOG_USEC", "")
        self._watched_pid = given.get("WATCHDOG_PID", "")

    @property
    def is_there(self) -> bool:
        """Whether anybody listens."""
        return self._address.startswith(("/", "@")) and hasattr(socket, "AF_UNIX")

    @property
    def watchdog_s(self) -> float | None:
        """How often a sign of life is due at least; ``None`` for never."""
        is_meant = self._watched_pid in ("", str(os.getpid()))
        if not (self.is_there and is_meant and self._watchdog.isdigit()):
            return None
        return int(self._watchdog) / _SECOND_US or None

    def ready(self, status: str) -> None:
        """The service has started; ``status`` is for people."""
        self._tell(f"READY=1\nSTATUS={status}")

    def alive(self) -> None:
        """A sign of life."""
        self._tell("WATCHDOG=1")

    def stopping(self) -> None:
        """The service is about to leave."""
        self._tell("STOPPING=1\nSTATUS=leaving")

    def _tell(self, text: str) -> None:
        if not self.is_there:
            return
        # A name that begins with @ stands for one in the abstract namespace of Linux.
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        with (
            contextlib.suppress(OSError),  # the manager is gone or busy: no reason to end
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as mouth,
        ):
            mouth.settimeout(0)
            mouth.sendto(text.encode(), address)
