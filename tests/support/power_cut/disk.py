"""A disk that keeps of what was written only what it must: the rest depends on the moment.

The rules are those of POSIX, which promises little. What was written to a file is safe when it was
synced; a name is safe when its folder was. Everything else may be lost, torn or come in another
order: names without their bytes, bytes without their names, the second write without the first one.
"""

import enum
import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.power_cut.recording import MARKS, Kind, Operation

__all__ = ["Cut", "Disk"]

_SECTOR_BYTES: Final = 512
_O_TMPFILE: Final = getattr(os, "O_TMPFILE", 0)


class Cut(enum.Enum):
    """What is left of what was not synced."""

    EVERYTHING = "all of it, as when only the process dies"
    NOTHING = "none of it"
    NAMES = "names, without bytes that were not synced"
    SOME = "some of it, torn and in any order"


@dataclass(eq=False)
class File:
    """Bytes as they are, as they are safe, and what was written since."""

    now: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def write(self, offset: int, data: bytes) -> None:
        self.since.append((offset, data))
        _apply(self.now, offset, data)

    def cut_to(self, size: int) -> None:
        self.since.append((size, None))
        _apply(self.now, size, None)

    def sync(self) -> None:
        self.safe = bytes(self.now)
        self.since.clear()

    def left(self, cut: Cut, chance: random.Random) -> bytes:
        if cut is Cut.EVERYTHING:
            return bytes(self.now)
        found = bytearray(self.safe)
        if cut is Cut.SOME:
            for offset, data in chance.sample(self.since, chance.randint(0, len(self.since))):
                _apply(found, offset, _torn(data, chance))
        return bytes(found)


@dataclass(eq=False)
class Folder:
    """Names as they are, as they are safe, and what changed since."""

    now: "dict[str, File | Folder]" = field(default_factory=dict)
    safe: "dict[str, File | Folder]" = field(default_factory=dict)
    since: "list[dict[str, File | Folder | None]]" = field(default_factory=list)

    def change(self, changes: "dict[str, File | Folder | None]") -> None:
        """Set names, and remove those that get ``None``, in one step."""
        self.since.append(changes)
        _name(self.now, changes)

    def sync(self) -> None:
        self.safe = dict(self.now)
        self.since.clear()

    def left(self, cut: Cut, chance: random.Random) -> "dict[str, File | Folder]":
        if cut in (Cut.EVERYTHING, Cut.NAMES):
            return self.now
        found = dict(self.safe)
        if cut is Cut.SOME:  # a file system keeps the changes of one folder in order
            for changes in self.since[: chance.randint(0, len(self.since))]:
                _name(found, changes)
        return found


class Disk:
    """Replays what a process did, and says what is left at any point.

    Attributes:
        notes: What the process noted of itself so far, the latest last.
    """

    def __init__(self) -> None:
        self._root = Folder()
        self._open: dict[int, File | Folder | None] = {}
        self._note_fds: set[int] = set()
        self.notes: list[bytes] = []

    def carry_out(self, done: Operation) -> bool:
        """Go one call further; return whether that changed anything on the disk."""
        match done.kind:
            case Kind.OPEN:
                return self._opened(done)
            case Kind.CLOSE:
                self._open.pop(done.fd, None)
                self._note_fds.discard(done.fd)
                return False
            case Kind.WRITE | Kind.TRUNCATE | Kind.SYNC if done.fd in self._note_fds:
                self.notes += [done.data] if done.kind is Kind.WRITE else []
                return False
            case Kind.WRITE | Kind.TRUNCATE | Kind.SYNC:
                return self._changed(done)
            case Kind.RENAME:
                self._renamed(done)
            case Kind.UNLINK | Kind.RMDIR:
                folder, name = self._at(done.path)
                folder.change({name: None})
            case Kind.MKDIR:
                folder, name = self._at(done.path)
                folder.change({name: Folder()})
        return True

    def left(self, place: Path, cut: Cut, chance: random.Random) -> None:
        """Write into an empty folder what is left after a cut at this point."""
        _write(self._root, place, cut, chance)

    def left_of_write(self, place: Path, last: Operation) -> bool:
        """The same when only the process dies, in the middle of one more write.

        Returns whether there is such a file.
        """
        found = self._open.get(last.fd)
        path = next((path for path, file in _files(self._root, Path()) if file is found), None)
        if path is None or not isinstance(found, File):
            return False
        _write(self._root, place, Cut.EVERYTHING, random.Random())
        torn = bytearray(found.now)
        _apply(torn, last.offset, last.data[: len(last.data) // 2])
        (place / path).write_bytes(torn)
        return True

    def _opened(self, done: Operation) -> bool:
        if done.flags & _O_TMPFILE == _O_TMPFILE != 0:
            self._open[done.fd] = None  # it has no name, and is gone with the process
            return False
        if done.path == MARKS:
            self._note_fds.add(done.fd)
            return False
        if not done.path:
            self._open[done.fd] = self._root
            return False
        folder, name = self._at(done.path)
        found = folder.now.get(name)
        is_new = found is None
        if found is None:
            found = File()
            folder.change({name: found})
        self._open[done.fd] = found
        if isinstance(found, File) and done.flags & os.O_TRUNC and found.now:
            found.cut_to(0)
            return True
        return is_new

    def _changed(self, done: Operation) -> bool:
        match self._open.get(done.fd), done.kind:
            case File() as file, Kind.WRITE:
                file.write(done.offset, done.data)
            case File() as file, Kind.TRUNCATE:
                file.cut_to(done.offset)
            case File() | Folder() as synced, Kind.SYNC:
                synced.sync()
            case _:
                return False
        return True

    def _renamed(self, done: Operation) -> None:
        folder, name = self._at(done.path)
        target, new_name = self._at(done.other)
        moved = folder.now[name]
        if target is not folder:
            raise AssertionError(f"moved between folders, which is not modelled: {done}")
        folder.change({new_name: moved, name: None})

    def _at(self, path: str) -> tuple[Folder, str]:
        *parts, name = path.split("/")
        folder = self._root
        for part in parts:
            inner = folder.now[part]
            assert isinstance(inner, Folder), path
            folder = inner
        return folder, name


def _name(names: "dict[str, File | Folder]", changes: "dict[str, File | Folder | None]") -> None:
    for name, what in changes.items():
        if what is None:
            names.pop(name, None)
        else:
            names[name] = what


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write data; without any, cut or fill up to that length."""
    end = offset if data is None else offset + len(data)
    content.extend(bytes(max(end - len(content), 0)))
    if data is None:
        del content[offset:]
    else:
        content[offset:end] = data


def _torn(data: bytes | None, chance: random.Random) -> bytes | None:
    if data is None or len(data) <= _SECTOR_BYTES or chance.random() < 0.5:
        return data
    return data[: _SECTOR_BYTES * chance.randint(1, len(data) // _SECTOR_BYTES)]


def _write(folder: Folder, place: Path, cut: Cut, chance: random.Random) -> None:
    place.mkdir(exist_ok=True)
    for name, what in folder.left(cut, chance).items():
        if isinstance(what, Folder):
            _write(what, place / name, cut, chance)
        else:
            (place / name).write_bytes(what.left(cut, chance))


def _files(folder: Folder, place: Path) -> Sequence[tuple[Path, File]]:
    found: list[tuple[Path, File]] = []
    for name, what in folder.now.items():
        if isinstance(what, Folder):
            found += _files(what, place / name)
        else:
            found.append((place / name, what))
    return found
