"""Deltas in a folder: one file each, whose name says what it is.

::

    NEW/OLD.COMPRESSION.DELTA    a delta: the digits of three digests; OLD may be "alone"
    NEW/OLD.COMPRESSION.none     making it is not worth it

The folder holds nothing that cannot be made again: it may be removed while the cloud is stopped.
"""

import contextlib
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cloud_sync.adapters.durable_files import remove_unfinished, write_durably
from cloud_sync.ports import Recipe
from edge_contract.delta import Parcel
from edge_contract.errors import UnavailableError

__all__ = ["DeltaFolder", "Kept"]

_NAME: Final = re.compile(r"(alone|[0-9a-f]{64})\.([a-z]{4})\.(none|[0-9a-f]{64})")
_ALONE: Final = "alone"
_NONE: Final = "none"
_TOUCH_S: Final = 3600.0


@dataclass(slots=True)
class Kept:
    """What is known of a recipe.

    Attributes:
        path: Of the delta, or of the note that there is none.
        size_bytes: Of the delta.
        used_unix_s: When it was asked for last, to within an hour.
        parcel: Its chunks, once they are known; ``None`` also where there is no delta.
    """

    path: Path
    size_bytes: int
    used_unix_s: float
    parcel: Parcel | None = None

    @property
    def is_delta(self) -> bool:
        """Whether there is a delta."""
        return not self.path.name.endswith(f".{_NONE}")

    @property
    def digest(self) -> str:
        """Of the delta."""
        return f"sha256:{self.path.name.rpartition('.')[2]}"


class DeltaFolder:
    """Keeps deltas within a bound; those that nobody asked for lately go first. Thread-safe.

    Args:
        folder: Made if missing; nothing else writes there.
        max_bytes: Of all deltas.
        max_count: Of deltas, and of notes that there is none.

    Raises:
        UnavailableError: It cannot be read or written.
    """

    def __init__(self, folder: Path, *, max_bytes: int, max_count: int = 10_000) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_count = max_count
        self._lock = threading.Lock()
        self._kept: dict[Recipe, Kept] = {}
        self._recipes: dict[str, Recipe] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            remove_unfinished(folder)
            for place in folder.iterdir():
                if place.is_dir():
                    remove_unfinished(place)
                    self._look_into(place)
        except OSError as error:
            raise UnavailableError(
                f"cannot use the folder of deltas {str(folder)!r}: {error}; give this user the "
                "right to write there, or remove it: deltas are made again"
            ) from error

    @property
    def size_bytes(self) -> int:
        """Of all deltas."""
        with self._lock:
            return self._size_bytes()

    def knows(self, recipe: Recipe) -> bool:
        """Return whether a delta was made, or found not to be worth it."""
        with self._lock:
            return recipe in self._kept

    def find(self, recipe: Recipe) -> Parcel | None:
        """Return a delta that is there and undamaged."""
        with self._lock:  # also while it is read: many devices may ask for the same one
            kept = self._kept.get(recipe)
            if kept is None or not kept.is_delta:
                return None
            try:
                self._note_use(kept)
                if kept.parcel is None:
                    with kept.path.open("rb") as file:
                        kept.parcel = Parcel.read(file.read, size_bytes=kept.size_bytes)
            except OSError:
                kept.parcel = None
            if kept.parcel is not None and kept.parcel.digest == kept.digest:
                return kept.parcel
        self._remove(recipe)  # gone or damaged: it is made again
        return None

    def path(self, digest: str) -> Path | None:
        """Return the file of a delta by its own digest."""
        with self._lock:
            recipe = self._recipes.get(digest)
            return None if recipe is None else self._kept[recipe].path

    def put(self, recipe: Recipe, delta: bytes | None) -> None:
        """Keep a delta, or the note that it is not worth it; others make room.

        Raises:
            UnavailableError: It cannot be written.
        """
        delta = None if delta is not None and len(delta) > self._max_bytes else delta
        parcel = None if delta is None else Parcel.of(delta)
        last = _NONE if parcel is None else _digits(parcel.digest)
        old = _digits(recipe.old) if recipe.old else _ALONE
        path = self._folder / _digits(recipe.new) / f"{old}.{recipe.compression}.{last}"
        write_durably(path, delta or b"")
        kept = Kept(path, len(delta or b""), time.time(), parcel)
        with self._lock:
            self._kept[recipe] = kept
            if parcel is not None:
                self._recipes[parcel.digest] = recipe
        self._make_room()

    def forget_unless(self, is_there: Callable[[str], bool]) -> None:
        """Remove what was made of or for files that are not in the registry any more."""
        with self._lock:
            recipes = list(self._kept)
        for recipe in recipes:
            if not is_there(recipe.new) or (recipe.old and not is_there(recipe.old)):
                self._remove(recipe)

    def _look_into(self, place: Path) -> None:
        for path in place.iterdir():
            found = _NAME.fullmatch(path.name)
            if found is None:
                continue
            old, compression, last = found.groups()
            stat = path.stat()
            recipe = Recipe(
                f"sha256:{place.name}", "" if old == _ALONE else f"sha256:{old}", compression
            )
            self._kept[recipe] = Kept(path, stat.st_size, stat.st_mtime)
            if last != _NONE:
                self._recipes[f"sha256:{last}"] = recipe

    def _note_use(self, kept: Kept) -> None:
        now_unix_s = time.time()
        if now_unix_s - kept.used_unix_s > _TOUCH_S:
            kept.used_unix_s = now_unix_s
            os.utime(kept.path)

    def _make_room(self) -> None:
        while (least_used := self._too_much()) is not None:
            self._remove(least_used)

    def _too_much(self) -> Recipe | None:
        """Return what has to go first, if something has to."""
        with self._lock:
            kept = self._kept.items()
            if self._size_bytes() > self._max_bytes:
                kept = {at: it for at, it in kept if it.is_delta}.items()
            elif len(kept) <= self._max_count:
                return None
            return min(kept, key=lambda item: item[1].used_unix_s)[0]

    def _remove(self, recipe: Recipe) -> None:
        with self._lock:
            kept = self._kept.pop(recipe, None)
            if kept is None:
                return
            self._recipes.pop(kept.digest, None)
        with contextlib.suppress(OSError):  # somebody removed it by hand
            kept.path.unlink(missing_ok=True)
            if not any(kept.path.parent.iterdir()):
                shutil.rmtree(kept.path.parent)

    def _size_bytes(self) -> int:
        return sum(kept.size_bytes for kept in self._kept.values())


def _digits(digest: str) -> str:
    return digest.removeprefix("sha256:")
