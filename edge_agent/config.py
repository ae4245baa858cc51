"""Where an agent keeps things and what it is called when nobody says so."""

import os
import platform
import re
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from edge_agent.adapters.durable_files import make_folder, new_folder
from edge_contract.errors import UnavailableError
from edge_contract.reading import JsonValue
from edge_contract.sha256 import sha256

__all__ = ["default_device", "default_state_folder", "hardware_facts", "made", "ring_folder"]

_MEMORY: Final = Path("/dev/shm")  # noqa: S108  what lies there is private to this user


def default_device() -> str:
    """Return ``EDGEFLEET_DEVICE``, or the host's name in allowed characters."""
    name = os.environ.get("EDGEFLEET_DEVICE") or platform.node() or "device"
    cleaned = re.sub(r"[^A-Za-z0-9_-]", "-", name)[:64].strip("-")
    return cleaned or "device"


def default_state_folder(fleet: str, device: str) -> Path:
    """Return where a device's state lies: ``EDGEFLEET_STATE``, or a folder of the user's."""
    given = os.environ.get("EDGEFLEET_STATE")
    if given:
        return Path(given)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state"))
    return base / "edgefleet" / fleet / device


def ring_folder(state: Path) -> Path:
    """Return where rings lie: on a memory file system where there is one, else in the state folder.

    ``EDGEFLEET_RINGS`` names another folder for them, as a service does whose user goes with it.
    The name is made from the state folder's, so that the next start finds them again, and from the
    host's, because containers with folders of the same name may share the memory file system.
    """
    within = state / "rings"
    given = os.environ.get("EDGEFLEET_RINGS")
    if given:
        return Path(given) / _short_hash(str(state.resolve()), 16)
    if not (_MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and hasattr(os, "getuid")):
        return within
    host, name = _short_hash(platform.node(), 8), _short_hash(str(state.resolve()), 16)
    folder = _MEMORY / f"edgefleet-{os.getuid()}-{host}-{name}"
    return folder if _is_safe(folder) else within


def _is_safe(folder: Path) -> bool:
    """Return whether nobody else has made this folder, or could change what is in it."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return True
    others_may_write = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not others_may_write


def _short_hash(text: str, characters: int) -> str:
    return sha256(text.encode()).hexdigest()[:characters]


def made(folder: Path, *, is_durable: bool = True) -> Path:
    """Return the folder, made if missing and readable by this user only.

    Args:
        folder: To make.
        is_durable: Whether it is to be there after a power cut.

    Raises:
        UnavailableError: It cannot be made or written.
    """
    try:
        make_folder(folder, mode=0o700, is_durable=is_durable)
        trial = new_folder(folder, ".trial-")
        trial.rmdir()
    except OSError as error:
        raise UnavailableError(
            f"cannot write to folder {str(folder)!r}: {error.strerror}; "
            "make it writable or choose another one"
        ) from error
    return folder


def hardware_facts() -> Mapping[str, JsonValue]:
    """Return what the cloud may know of this machine."""
    facts: dict[str, JsonValue] = {
        "cpus": os.cpu_count() or 1,
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        facts["memory_mb"] = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    return facts
