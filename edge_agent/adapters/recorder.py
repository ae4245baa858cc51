"""The recorder: rows of every package and role into rings, and rings into window entries."""

import functools
import logging
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.adapters.block_log import BlockLog, BlockMark
from edge_agent.adapters.block_rows import BlockRows
from edge_agent.adapters.block_stream import BlockStream
from edge_agent.adapters.durable_files import paths_in
from edge_agent.adapters.ring import Ring, RingMark
from edge_agent.adapters.row_layout import row_layout_of
from edge_agent.adapters.stream import Stream
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import WindowEntry
from edge_contract.package import Manifest, Reference, Role, layout_of, profile_specs
from edge_contract.records import dataclass

if TYPE_CHECKING:
    from edge_agent.adapters.numpy_counting import BlockCounter

__all__ = ["Recorder", "Stream"]

_log = logging.getLogger("edgefleet.agent")

_DIGEST_CHARACTERS: Final = 24
_SUFFIX: Final = ".ring"
_BLOCKS_SUFFIX: Final = ".blocks"


@dataclass(frozen=True, slots=True)
class _Known:
    """A package that rows may come for."""

    manifest: Manifest
    reference: Reference


class Recorder:
    """All streams of an agent.

    Args:
        folder: For the rings; it exists.
        marks: How far each ring has been saved in batches, from the store.
        owner: Names that store; rings of another one are made anew.
        spare: For rings that find no room in ``folder``; it exists.
    """

    def __init__(
        self,
        folder: Path,
        marks: Mapping[str, tuple[int, ...]],
        *,
        owner: int = 0,
        spare: Path | None = None,
    ) -> None:
        self._folder = folder
        self._spare = spare
        self._marks = dict(marks)
        self._owner = owner
        self._known: dict[str, _Known] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._lock = threading.Lock()
        self._open = True

    def knows(self, digest: str, manifest: Manifest, reference: Reference) -> None:
        """Note a package, and take up rings that an earlier life left of it."""
        with self._lock:
            self._known[digest] = _Known(manifest, reference)
        for role in Role.ALL:
            logs = self._paths(digest, role, _BLOCKS_SUFFIX)
            has_blocks = any(path.exists() for path in logs)
            if has_blocks or any(path.exists() for path in self._paths(digest, role)):
                blocks = self.stream(digest, role).blocks
                if has_blocks and blocks is not None:
                    blocks.open()

    def stream(self, digest: str, role: str) -> Stream:
        """Return the stream of a package and role, made at first use.

        Raises:
            UsageError: The package is not known here, or the recorder is closed.
            UnavailableError: The ring cannot be made.
        """
        with self._lock:
            found = self._streams.get((digest, role))
            if found is None:
                found = self._streams[digest, role] = self._opened(digest, role)
            return found

    def package_digest(self, prefix: str) -> str:
        """Return the digest that begins with ``prefix``; raises ``UsageError`` if none is known."""
        with self._lock:
            for digest in self._known:
                if digest.startswith(prefix):
                    return digest
        raise UsageError(
            f"package {prefix}... is no longer on this device: its labels came too late"
        )

    def manifest(self, digest: str) -> Manifest:
        """Return the manifest of a known package."""
        return self._known[digest].manifest

    def reference(self, digest: str) -> Reference:
        """Return the reference of a known package."""
        return self._known[digest].reference

    def collect(self, at_unix_s: float) -> tuple[list[WindowEntry], dict[str, tuple[int, ...]]]:
        """Count all rows that wait; return window entries and the marks that they reach.

        Only one thread may collect.
        """
        entries: list[WindowEntry] = []
        marks: dict[str, tuple[int, ...]] = {}
        for stream in self._all():
            collected = stream.collect(at_unix_s)
            if collected is not None:
                entries.append(collected.entry)
                marks.update(collected.marks)
        return entries, marks

    def release(self, marks: Mapping[str, tuple[int, ...]]) -> None:
        """The batches that reach these marks are saved, or held in memory: make room."""
        for stream in self._all():
            stream.release(marks)

    def mark_of(self, digest: str, role: str) -> RingMark:
        """Return what a stream ever counted."""
        stream = self._streams.get((digest, role))
        return RingMark() if stream is None else stream.mark()

    def rows_observed(self) -> int:
        """Return how many rows of calls the rings ever held."""
        return sum(s.mark().rows for s in self._all() if s.role == Role.PRIMARY)

    def forget_others(self, digests: Collection[str]) -> None:
        """Remove the rings of all packages but these; their rows have been collected."""
        with self._lock:
            for digest in self._known.keys() - set(digests):
                del self._known[digest]
            for key in [key for key in self._streams if key[0] not in self._known]:
                self._streams.pop(key).close()
        kept = {_stem(digest) for digest in digests}
        for folder in self._folders():
            for path in (*paths_in(folder, ends=_SUFFIX), *paths_in(folder, ends=_BLOCKS_SUFFIX)):
                if path.name.partition("-")[0] not in kept:
                    path.unlink(missing_ok=True)

    def stale_marks(self) -> list[str]:
        """Return marks in the store whose rings are gone."""
        folders = self._folders()
        alive = {Ring.id_at(path) for folder in folders for path in paths_in(folder, ends=_SUFFIX)}
        alive |= {
            BlockLog.id_at(path)
            for folder in folders
            for path in paths_in(folder, ends=_BLOCKS_SUFFIX)
        }
        return [ring for ring in self._marks if ring not in alive]

    def close(self) -> None:
        """Let go of all rings; their files stay for the next start.

        A call that is still under way puts its rows into them all the same: that start counts them.
        """
        with self._lock:
            self._open = False
            self._streams.clear()

    def _all(self) -> list[Stream]:
        with self._lock:
            return list(self._streams.values())

    def _opened(self, digest: str, role: str) -> Stream:
        known = self._known.get(digest)
        if known is None or not self._open:
            reason = "is not known here" if self._open else "cannot be observed any more: closed"
            raise UsageError(f"package {digest} {reason}")
        spec = profile_specs(known.manifest, known.reference)[role]
        layout = layout_of(role, known.manifest, spec)
        ring = self._ring(digest, role, layout.width)
        taken = RingMark(*self._marks.get(ring.ring_id, ()))
        if not ring.mark.reaches(taken):
            # Its latest pages never reached the disk before the power went. What the marks count
            # is in batches; the rows after them are lost with the pages.
            ring.renew()
            taken = RingMark()
        row_layout = None
        if role == Role.PRIMARY:
            row_layout = row_layout_of(known.manifest, known.reference.profile.spec)
        blocks = None
        if row_layout is not None and row_layout.ring_bytes == 4 * layout.width:
            rows = BlockRows(row_layout)
            blocks = BlockStream(rows, lambda: self._log(digest, role, rows.row_bytes))

        def counter() -> "BlockCounter":
            from edge_agent.adapters.numpy_counting import BlockCounter  # after the first answers

            return BlockCounter(spec, layout, on_failure=_tell_once)

        return Stream(
            digest, role, spec=spec, counter=counter, ring=ring, taken=taken, blocks=blocks
        )

    def _log(self, digest: str, role: str, row_bytes: int) -> tuple[BlockLog, BlockMark]:
        """Return the log of calls of many rows, and how far it is in batches."""
        first, *spare = self._paths(digest, role, _BLOCKS_SUFFIX)
        at = next((path for path in (*spare, first) if path.exists()), first)
        try:
            log = BlockLog(at, row_bytes, owner=self._owner)
        except UnavailableError:
            if not spare or at in spare:
                raise
            log = BlockLog(spare[0], row_bytes, owner=self._owner)
        taken = BlockMark(*self._marks.get(log.ring_id, ()))
        if any(now < then for now, then in zip(log.mark, taken, strict=True)):
            log.renew()  # as above
            taken = BlockMark()
        return log, taken

    def _ring(self, digest: str, role: str, width: int) -> Ring:
        first, *spare = self._paths(digest, role)
        for path in (*spare, first):
            if path.exists():
                return Ring(path, width, owner=self._owner)
        try:
            return Ring(first, width, owner=self._owner)
        except UnavailableError:
            if not spare:
                raise
            return Ring(spare[0], width, owner=self._owner)

    def _folders(self) -> list[Path]:
        return [self._folder] if self._spare is None else [self._folder, self._spare]

    def _paths(self, digest: str, role: str, suffix: str = _SUFFIX) -> list[Path]:
        return [folder / f"{_stem(digest)}-{role}{suffix}" for folder in self._folders()]


def _stem(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_DIGEST_CHARACTERS]


@functools.lru_cache(256)
def _tell_once(text: str) -> None:
    """Say why a plugin's statistic is missing, once for each reason."""
    _log.warning("%s: it is left out of telemetry", text)
