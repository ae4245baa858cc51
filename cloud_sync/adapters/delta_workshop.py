"""The workshop: makes deltas on a thread of its own, so that nothing ever waits for them."""

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cloud_sync.adapters.compressions import compressions_here
from cloud_sync.adapters.delta_folder import DeltaFolder
from cloud_sync.adapters.delta_maker import DeltaMaker
from cloud_sync.ports import Recipe
from edge_contract.delta import Way, is_worth_it
from edge_contract.errors import EdgeError, UnavailableError, UsageError
from edge_contract.package import short

__all__ = ["DeltaWorkshop"]

_log = logging.getLogger("edgefleet.cloud")

_MOST_WAITING: Final = 1000
_MAX_FILE_BYTES: Final = 2**27
"""What a patch sees of an old file: zstd's window."""

_UNFINISHED: Final = ".unfinished-delta"  # removed at the next start if we crash


class DeltaWorkshop:
    """Implements :class:`cloud_sync.ports.DeltaShelf`.

    Args:
        folder: For the deltas; made if missing.
        blob_path: Returns the file of a digest; raises ``UsageError`` if the registry has none.
        max_bytes: What all deltas together may take of the disk.
        max_memory_bytes: What making one may take.
        max_s: How long making one may take.

    Raises:
        UnavailableError: The folder cannot be used.
    """

    def __init__(
        self,
        folder: Path,
        blob_path: Callable[[str], Path],
        *,
        max_bytes: int = 2**30,
        max_memory_bytes: int = 2**30,
        max_s: float = 600.0,
    ) -> None:
        self._blob_path = blob_path
        self._out = folder / _UNFINISHED
        self._deltas = DeltaFolder(folder, max_bytes=max_bytes)
        self._deltas.forget_unless(self._has)
        self._maker = DeltaMaker(max_memory_bytes=max_memory_bytes, max_s=max_s)
        self._compressions = tuple(compression.name for compression in compressions_here())
        self._changed = threading.Condition()
        self._waiting: deque[Recipe] = deque()
        self._making: Recipe | None = None
        self._failed: set[Recipe] = set()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="deltas", daemon=True)
        self._thread.start()

    @property
    def compressions(self) -> Sequence[str]:
        """Those that deltas can be made with, the best first."""
        return self._compressions

    @property
    def size_bytes(self) -> int:
        """What all deltas take of the disk."""
        return self._deltas.size_bytes

    def find(self, recipe: Recipe) -> Way | None:
        """Return a delta if it is there, and note that it is in use."""
        parcel = self._deltas.find(recipe)
        return None if parcel is None else Way(parcel, recipe.old)

    def want(self, recipes: Sequence[Recipe], *, is_urgent: bool = False) -> bool:
        """Make deltas soon, urgent ones first; return whether any of them is still to be made."""
        open_ones = [recipe for recipe in dict.fromkeys(recipes) if not self._is_settled(recipe)]
        with self._changed:
            if self._closed:
                return False
            coming = {*self._waiting, self._making}
            new = [recipe for recipe in open_ones if recipe not in coming]
            del new[max(_MOST_WAITING - len(self._waiting), 0) :]
            if is_urgent:
                self._waiting.extendleft(reversed(new))
            else:
                self._waiting.extend(new)
            self._changed.notify_all()
            return any(recipe in coming or recipe in new for recipe in open_ones)

    def path(self, digest: str) -> Path | None:
        """Return the file of a delta, by its own digest."""
        return self._deltas.path(digest)

    def wait_idle(self, timeout_s: float) -> bool:
        """Return whether everything wanted was made within ``timeout_s``."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._waiting and self._making is None, timeout_s
            )

    def close(self) -> None:
        """Make nothing more; what is being made is broken off. Idempotent."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        self._maker.close()
        self._thread.join(timeout=10.0)

    def _is_settled(self, recipe: Recipe) -> bool:
        return recipe in self._failed or self._deltas.knows(recipe)

    def _has(self, digest: str) -> bool:
        try:
            self._blob_path(digest)
        except UsageError:
            return False
        return True

    def _run(self) -> None:
        while (recipe := self._next()) is not None:
            try:
                self._make(recipe)
            except (EdgeError, OSError) as error:
                self._give_up(recipe, str(error))
            except Exception:  # noqa: BLE001  deltas are a saving, never a reason to stop
                _log.exception("a defect while a delta was made")
                self._give_up(recipe, "a defect")
            with self._changed:
                self._making = None
                self._changed.notify_all()
        self._maker.rest()

    def _next(self) -> Recipe | None:
        with self._changed:
            is_idle = not self._waiting
        if is_idle:
            self._maker.rest()
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._making = self._waiting.popleft()
            return self._making

    def _give_up(self, recipe: Recipe, reason: str) -> None:
        """Do not try again before the next start: the next time would end as this one did."""
        self._failed.add(recipe)
        if not self._closed:
            _log.warning(
                "no delta to %s: %s; devices take the whole file", short(recipe.new), reason
            )

    def _make(self, recipe: Recipe) -> None:
        new = self._blob_path(recipe.new)
        old = self._blob_path(recipe.old) if recipe.old else None
        whole_bytes = new.stat().st_size
        if max(whole_bytes, 0 if old is None else old.stat().st_size) > _MAX_FILE_BYTES:
            raise UnavailableError(f"files above {_MAX_FILE_BYTES} bytes come whole")
        began_s = time.monotonic()
        try:
            size_bytes = self._maker.make(old, new, self._out, compression=recipe.compression)
            alone = self._deltas.find(recipe._replace(old="")) if recipe.old else None
            instead_of = whole_bytes if alone is None else min(alone.size_bytes, whole_bytes)
            is_kept = is_worth_it(size_bytes, instead_of=instead_of)
            self._deltas.put(recipe, self._out.read_bytes() if is_kept else None)
        finally:
            with contextlib.suppress(OSError):
                self._out.unlink(missing_ok=True)
        _log.info(
            "delta to %s from %s: %d bytes instead of %d, made in %.1f s, %s",
            short(recipe.new),
            short(recipe.old) or "nothing",
            size_bytes,
            instead_of,
            time.monotonic() - began_s,
            "kept" if is_kept else "not worth it",
        )
