"""Files and folders that survive loss of power: their bytes are synced, and so are their names."""

import contextlib
import os
from pathlib import Path

__all__ = ["make_folder", "sync_folder", "write_durably"]


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and bring its bytes to the disk; its name is there after :func:`sync_folder`."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make a folder and those above it where they are missing, durably.

    One that is there is synced as well: whoever made it may have died before that.

    Raises:
        OSError: It cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    for place in missing or [folder]:
        with contextlib.suppress(PermissionError):  # a folder that others look after
            sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Bring new names in a folder to the disk, where the system can do that."""
    if os.name != "posix":  # other systems cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
