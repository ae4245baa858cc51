"""A folder with one owner at a time; the operating system lets go of it however the owner ends."""

import sys
from pathlib import Path
from typing import IO

from edge_contract.errors import UnavailableError, UsageError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

__all__ = ["FolderLock"]


class FolderLock:
    """Holds a folder until it is closed.

    Args:
        folder: Made if missing.
        what: What the folder holds, for messages: ``warehouse``.
        name: Of the file that is locked; parts that share a folder lock different ones.
        advice: What else to do if another process holds it.

    Raises:
        UsageError: Another process, or another object of this one, holds it.
        UnavailableError: It cannot be made or written.
    """

    def __init__(self, folder: Path, what: str, *, name: str = "lock", advice: str = "") -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / name).open("a+", encoding="ascii")
        except OSError as error:
            raise UnavailableError(
                f"cannot use the {what} folder {str(folder)!r}: {error}; give this user the right "
                "to write there, or choose another data folder"
            ) from error
        try:
            _lock(self._file)
        except (BlockingIOError, PermissionError):
            self._file.close()
            raise UsageError(
                f"the {what} folder {str(folder)!r} is in use by another process: stop that one, "
                "or choose another data folder" + (advice and f"; {advice}")
            ) from None

    def close(self) -> None:
        """Let go of the folder. Idempotent."""
        self._file.close()


def _lock(file: IO[str]) -> None:
    if sys.platform == "win32":
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
