"""The place of a Unix socket in the file system: claimed, and given up in the end."""

import contextlib
import socket
import stat
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError, UsageError

__all__ = ["SocketPath"]

_MODE: Final = 0o660
_KNOCK_S: Final = 1.0


class SocketPath:
    """A socket that is bound to a path; users of the same group may connect.

    A socket that an earlier process left is replaced, one that somebody listens at is not.

    Args:
        path: Where.

    Raises:
        UsageError: Something else is there, or somebody listens, or sockets have no paths here.
        UnavailableError: It cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not hasattr(socket, "AF_UNIX"):
            raise UsageError("this system has no Unix sockets: serve HTTP instead")
        _clear(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.socket.bind(str(path))
            path.chmod(_MODE)
            self._inode = path.stat().st_ino
        except OSError as error:
            self.socket.close()
            raise UnavailableError(f"cannot listen at {str(path)!r}: {error}") from error

    def close(self) -> None:
        """Remove the path, unless it is another's by now."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        self.socket.close()


def _clear(path: Path) -> None:
    """Remove a socket that nobody listens at any more."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UnavailableError(f"cannot listen at {str(path)!r}: {error}") from error
    if not stat.S_ISSOCK(mode):
        raise UsageError(f"there is something at {str(path)!r} that is no socket: name another one")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as knocking:
        knocking.settimeout(_KNOCK_S)
        try:
            knocking.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise UnavailableError(f"cannot listen at {str(path)!r}: {error}") from error
    raise UsageError(f"another process listens at {str(path)!r}: end it, or name another path")
