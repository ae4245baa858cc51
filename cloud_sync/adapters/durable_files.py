"""Files that are whole or not there, whenever the power goes."""

import os
import tempfile
from pathlib import Path
from typing import Final

from edge_contract.errors import UnavailableError

__all__ = ["remove_unfinished", "write_durably"]

_UNFINISHED: Final = ".unfinished-"


def write_durably(path: Path, data: bytes) -> None:
    """Write a file in one step, in place of an earlier one; folders are made as needed.

    Raises:
        UnavailableError: It cannot be written; an earlier one is unchanged.
    """
    try:
        _make_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise UnavailableError(
            f"cannot write {str(path)!r}: {error}; make room on the disk, and give this user the "
            "right to write there"
        ) from error


def remove_unfinished(folder: Path) -> None:
    """Remove what a crash left behind in a folder; only for who owns it.

    Raises:
        UnavailableError: It cannot be removed.
    """
    try:
        for path in folder.glob(f"{_UNFINISHED}*"):
            path.unlink()
    except OSError as error:
        raise UnavailableError(
            f"cannot clean {str(folder)!r}: {error}; give this user the right to write there"
        ) from error


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
