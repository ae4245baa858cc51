"""The recorder: rows of every package and role into rings, and rings into window entries."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.adapters.numpy_counting import BlockCounter
from edge_agent.adapters.ring import Ring, RingMark
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import Manifest, Reference, Role, layout_of, profile_specs
from edge_contract.stats import Profile, ProfileSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Recorder", "Stream"]

_FULL_WAIT_S: Final = 2.0
_DIGEST_CHARACTERS: Final = 24
_EMPTY: Final = RingMark(0, 0, 0, 0)


class Stream:
    """The rows of one package in one role.

    Args:
        digest: Of the package.
        role: One of :class:`Role`.
        spec: What is counted.
        counter: Counts blocks of rows.
        ring: Where rows wait.
        taken: How far they are in batches already.
    """

    def __init__(
        self,
        digest: str,
        role: str,
        *,
        spec: ProfileSpec,
        counter: BlockCounter,
        ring: Ring,
        taken: RingMark,
    ) -> None:
        self.digest = digest
        self.role = role
        self.ring = ring
        self._spec = spec
        self._counter = counter
        self._taken = taken
        self._room = threading.Condition()
        self._stuck = False

    def append(
        self, parts: "list[NDArray[np.float32]]", count: int, at_unix_s: float, *, calls: int = 1
    ) -> int | None:
        """Add the rows of ``calls`` calls in one step.

        Returns:
            Position of the first row; ``None`` if there was no room, and nothing was added.
        """
        with self._room:
            if self.ring.free < count:
                return None
            self.ring.count(calls=calls)
            return self.ring.append(parts, count, at_unix_s)

    def wait_for_room(self, count: int) -> bool:
        """Wait a little until ``count`` rows have room; return whether they have.

        Where waiting was in vain once, it is not tried again until room was made: a disk that is
        out of order must not hold up predictions.
        """
        with self._room:
            if not self._stuck:
                self._room.wait_for(lambda: self.ring.free >= count, _FULL_WAIT_S)
                self._stuck = self.ring.free < count
            return not self._stuck

    def count(self, *, calls: int = 0, failures: int = 0, dropped: int = 0) -> None:
        """Count what has no row."""
        with self._room:
            self.ring.count(calls=calls, failures=failures, dropped=dropped)

    def collect(self, at_unix_s: float) -> tuple[WindowEntry, RingMark] | None:
        """Return what was counted since the last time; ``None`` if that is nothing.

        Only one thread may collect.
        """
        mark, before = self.ring.mark, self._taken
        if mark == before:
            return None
        # Rows whose batch was in memory only when the process died may have been overwritten.
        first = max(before.rows, mark.rows - self.ring.rows)
        profile: Profile = self._spec.empty()
        for block in self.ring.read(first, mark.rows):
            profile = profile.merged(self._counter.count(block))
        counters = Counters(*(now - then for now, then in zip(mark, before, strict=True)))
        gone = first - before.rows
        opened = self.ring.opened_unix_s
        entry = WindowEntry(
            package=self.digest,
            role=self.role,
            start_unix_s=min(opened, at_unix_s) if opened else at_unix_s,
            end_unix_s=at_unix_s,
            counters=counters._replace(rows=counters.rows - gone, dropped=counters.dropped + gone),
            profile=profile.to_state(),
        )
        self._taken = mark
        return entry, mark

    def release(self, mark: tuple[int, ...], at_unix_s: float) -> None:
        """Rows up to ``mark`` are in a batch: their place is free."""
        with self._room:
            self.ring.release(mark[0], at_unix_s)
            self._stuck = False
            self._room.notify_all()


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
    """

    def __init__(self, folder: Path, marks: Mapping[str, tuple[int, ...]]) -> None:
        self._folder = folder
        self._marks = dict(marks)
        self._known: dict[str, _Known] = {}
        self._streams: dict[tuple[str, str], Stream] = {}
        self._lock = threading.Lock()

    def knows(self, digest: str, manifest: Manifest, reference: Reference) -> None:
        """Note a package, and take up rings that an earlier life left of it."""
        self._known[digest] = _Known(manifest, reference)
        for role in Role.ALL:
            if self._path(digest, role).exists():
                self.stream(digest, role)

    def stream(self, digest: str, role: str) -> Stream:
        """Return the stream of a package and role, made at first use.

        Raises:
            UsageError: The package is not known here.
            UnavailableError: The ring cannot be made.
        """
        with self._lock:
            found = self._streams.get((digest, role))
            if found is None:
                found = self._streams[digest, role] = self._open(digest, role)
            return found

    def package_digest(self, prefix: str) -> str:
        """Return the digest that begins with ``prefix``; raises ``UsageError`` if none is known."""
        for digest in self._known:
            if digest.startswith(prefix):
                return digest
        raise UsageError(
            f"package {prefix}... is no longer on this device: its labels came too late"
        )

    def manifest(self, digest: str) -> Manifest:
        """Return the manifest of a known package."""
        return self._known[digest].manifest

    def collect(self, at_unix_s: float) -> tuple[list[WindowEntry], dict[str, tuple[int, ...]]]:
        """Count all rows that wait; return window entries and the marks that they reach."""
        entries: list[WindowEntry] = []
        marks: dict[str, tuple[int, ...]] = {}
        for stream in self._all():
            collected = stream.collect(at_unix_s)
            if collected is not None:
                entries.append(collected[0])
                marks[stream.ring.ring_id] = tuple(collected[1])
        return entries, marks

    def release(self, marks: Mapping[str, tuple[int, ...]], at_unix_s: float) -> None:
        """The batches that reach these marks are saved, or held in memory: make room."""
        for stream in self._all():
            mark = marks.get(stream.ring.ring_id)
            if mark is not None:
                stream.release(mark, at_unix_s)

    def mark_of(self, digest: str, role: str) -> RingMark:
        """Return what a stream ever counted."""
        stream = self._streams.get((digest, role))
        return _EMPTY if stream is None else stream.ring.mark

    def rows_observed(self) -> int:
        """Return how many rows of calls the rings ever held."""
        return sum(s.ring.mark.rows for s in self._all() if s.role == Role.PRIMARY)

    def stale_marks(self) -> list[str]:
        """Return marks in the store whose rings are gone, once all packages are known."""
        alive = {stream.ring.ring_id for stream in self._all()}
        return [ring for ring in self._marks if ring not in alive]

    def close(self) -> None:
        """Let go of all rings; their files stay for the next start."""
        for stream in self._all():
            stream.ring.close()
        self._streams.clear()

    def _all(self) -> list[Stream]:
        with self._lock:
            return list(self._streams.values())

    def _open(self, digest: str, role: str) -> Stream:
        known = self._known.get(digest)
        if known is None:
            raise UsageError(f"package {digest} is not known here")
        spec = profile_specs(known.manifest, known.reference)[role]
        layout = layout_of(role, known.manifest, spec)
        ring = Ring(self._path(digest, role), layout.width)
        saved = self._marks.get(ring.ring_id)
        taken = RingMark(*saved) if saved is not None else _EMPTY
        ring.release(taken.rows, ring.opened_unix_s)
        if taken.rows > ring.mark.rows:
            raise UnavailableError(f"ring {str(ring.path)!r} lost rows; delete it and start again")
        counter = BlockCounter(spec, layout)
        return Stream(digest, role, spec=spec, counter=counter, ring=ring, taken=taken)

    def _path(self, digest: str, role: str) -> Path:
        name = digest.removeprefix("sha256:")[:_DIGEST_CHARACTERS]
        return self._folder / f"{name}-{role}.ring"
