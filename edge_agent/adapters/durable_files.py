"""Files and folders that survive loss of power: their bytes are synced, and so are their names."""

import contextlib
import os
from pathlib import Path
from typing import BinaryIO, Final

__all__ = [
    "make_folder",
    "new_folder",
    "paths_in",
    "remove_folder",
    "sync_folder",
    "write_briefly",
    "write_durably",
]

_PIECE_BYTES: Final = 1 << 18


def paths_in(folder: Path, *, begins: str = "", ends: str = "") -> list[Path]:
    """Return what a folder holds, by how names begin and end; nothing if there is no folder.

    ``Path.glob`` compiles a pattern, which takes longer than to look.
    """
    try:
        found = list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    return [path for path in found if path.name.startswith(begins) and path.name.endswith(ends)]


def write_durably(path: Path, data: bytes) -> None:
    """Write a file and bring its bytes to the disk; its name is there after :func:`sync_folder`."""
    with path.open("wb") as file:
        _write(file, data)
        file.flush()
        os.fsync(file.fileno())


def write_briefly(path: Path, data: bytes) -> None:
    """Write a file that need not survive loss of power."""
    with path.open("wb") as file:
        _write(file, data)


def _write(file: BinaryIO, data: bytes) -> None:
    """Write in pieces: a core that is busy with one large one in the kernel lets no call go on."""
    view = memoryview(data)
    starts = range(0, len(view), _PIECE_BYTES)
    file.writelines(view[start : start + _PIECE_BYTES] for start in starts)


def make_folder(folder: Path, *, mode: int = 0o777, is_durable: bool = True) -> None:
    """Make a folder and those above it where they are missing, durably.

    One that is there is synced as well: whoever made it may have died before that.

    Args:
        folder: To make.
        mode: For the folder itself.
        is_durable: Whether it is to be there after a power cut.

    Raises:
        OSError: It cannot be made.
    """
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=mode)
    for place in (missing or [folder]) if is_durable else ():
        with contextlib.suppress(PermissionError):  # a folder that others look after
            sync_folder(place.parent)


def new_folder(parent: Path, prefix: str) -> Path:
    """Make a folder with a name that no other has, for this user only; raises ``OSError``."""
    folder = parent / f"{prefix}{os.urandom(8).hex()}"
    folder.mkdir(mode=0o700)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays."""
    if os.path.lexists(folder):
        import shutil  # with it come all the compressions, and a start removes nothing

        shutil.rmtree(folder, ignore_errors=True)


def sync_folder(folder: Path) -> None:
    """Bring new names in a folder to the disk, where the system can do that."""
    if os.name != "posix":  # other systems cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
