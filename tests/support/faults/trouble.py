"""Full disks, read-only disks, clocks that jump, networks that are cut, damaged files."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

__all__ = ["Clock", "SmallDisk", "can_make_trouble", "cut_off", "damage_pages", "loaded"]

_SOURCE: Final = Path(__file__).with_name("trouble.c")
_PAGE_BYTES: Final = 4096
_TABLE: Final = "edgefleet_cut"


def can_make_trouble() -> bool:
    """Whether this machine lets us have a world of our own: Linux, root, and the programs."""
    programs = ("unshare", "ip", "nft", "cc", "mount")
    return os.name == "posix" and os.geteuid() == 0 and all(map(shutil.which, programs))


class SmallDisk:
    """A disk of a few megabytes, mounted over a folder; only within a world of our own.

    Args:
        folder: Made if missing; what is in it is hidden.
        size_mb: Of the disk.
    """

    def __init__(self, folder: Path, *, size_mb: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={size_mb}m", "tmpfs", str(folder))
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as file:
            for size in (65_536, 4096, 512):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def make_room(self) -> None:
        """Take away what fills it."""
        self._filler.unlink()


class Clock:
    """The wall clock of processes that are started in :func:`loaded`.

    Args:
        path: File that says how far it is off.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.set(0.0)

    def set(self, skew_s: float) -> None:
        """Let it jump."""
        fresh = self.path.with_suffix(".new")
        fresh.write_text(f"{skew_s}\n")
        fresh.replace(self.path)


@contextmanager
def loaded(
    scratch: Path, *, clock: Clock | None = None, disk: Path | None = None
) -> Iterator[Path]:
    """Let processes that are started in the block have such a clock and such a disk.

    Args:
        scratch: For what is compiled.
        clock: Of the processes; ``None`` for the machine's.
        disk: Folder that turns read-only.

    Returns:
        The file that makes the disk read-only as long as it is there.
    """
    library = scratch / "trouble.so"
    if not library.exists():
        _run("cc", "-O1", "-shared", "-fPIC", "-w", "-o", str(library), str(_SOURCE), "-ldl")
    latch = scratch / "read-only"
    added = {"LD_PRELOAD": str(library), "TROUBLE_SWITCH": str(latch)}
    if clock is not None:
        added["TROUBLE_CLOCK"] = str(clock.path)
    if disk is not None:
        added["TROUBLE_DISK"] = f"{disk}/"
    os.environ.update(added)
    try:
        yield latch
    finally:
        for name in added:
            del os.environ[name]


@contextmanager
def cut_off(port: int) -> Iterator[None]:
    """Drop every packet to and from a port; only within a world of our own."""
    rules = f"""
    table inet {_TABLE} {{
      chain input {{
        type filter hook input priority 0;
        tcp dport {port} drop
        tcp sport {port} drop
      }}
    }}
    """
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)
    try:
        yield
    finally:
        _run("nft", "delete", "table", "inet", _TABLE)


def damage_pages(path: Path, chance: random.Random, *, pages: int = 1) -> list[int]:
    """Overwrite pages of a database as a bad disk does; return which, from 0.

    The first page is spared every other time: without it there is no database at all.
    """
    size = path.stat().st_size // _PAGE_BYTES
    first = chance.randrange(2) if size > 1 else 0
    chosen = sorted(chance.sample(range(first, size), min(pages, size - first)))
    how = chance.choice(("noise", "zeros", "another page"))
    with path.open("r+b") as file:
        for page in chosen:
            content = {"noise": chance.randbytes(_PAGE_BYTES), "zeros": bytes(_PAGE_BYTES)}
            if how not in content:
                file.seek(chance.randrange(size) * _PAGE_BYTES)
                content[how] = file.read(_PAGE_BYTES)
            file.seek(page * _PAGE_BYTES)
            file.write(content[how])
    return chosen


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:3])}: {done.stderr.strip()}")
