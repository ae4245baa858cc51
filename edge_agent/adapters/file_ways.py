"""Ways to a file: the smallest one that works, and the whole file when none does."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge_agent.adapters.http_files import HttpFiles, RefusedError
from edge_agent.ports import PackageStore
from edge_contract.delta import Compression, Delta, FileOffer, Way, apply_delta
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.messages import Downloads
from edge_contract.package import Artifact, short

__all__ = ["FileWays", "place_of"]

_MOST_BREAKS: Final = 2
_USUAL_BYTES: Final = 2**30


def place_of(folder: Path, digest: str) -> Path:
    """Return where a file of a package waits for the others, wholly or in part."""
    return folder / digest.replace(":", "-")


class FileWays:
    """Brings files one by one, and remembers which deltas failed until the agent ends.

    Args:
        compressions: Returns those that deltas may use.
        memory_left: Says how much memory applying a delta may take; ``None`` for 1 GiB.
        tell: Is told what came, and why a delta was of no use.
    """

    def __init__(
        self,
        compressions: Callable[[], Sequence[Compression]],
        *,
        memory_left: Callable[[], int | None],
        tell: Callable[[Downloads], None],
    ) -> None:
        self._compressions = compressions
        self._memory_left = memory_left
        self._tell = tell
        self._useless: set[str] = set()
        self._breaks: Counter[str] = Counter()

    def bring(
        self,
        artifact: Artifact,
        offer: FileOffer | None,
        *,
        files: HttpFiles,
        store: PackageStore,
        folder: Path,
    ) -> bytes:
        """Return a file.

        Args:
            artifact: The file, its digest from a source that is trusted; its size may be a bound.
            offer: What the registry says of it.
            files: Where it is.
            store: Where older files are that deltas begin with.
            folder: For what has come of it.

        Raises:
            PackageError: The registry has other content.
            UnavailableError: The connection broke, or the disk is full; what came is kept.
        """
        known = offer if offer is not None and offer.whole.size_bytes <= artifact.size else None
        if known is not None:
            found = self._by_ways(known, artifact, files=files, store=store, folder=folder)
            if found is not None:
                return found
        try:
            return files.bring(
                artifact.digest,
                place_of(folder, artifact.digest),
                most_bytes=artifact.size,
                parcel=None if known is None else known.whole,
            )
        finally:
            traffic = files.traffic()
            self._tell(
                Downloads(
                    whole_bytes=traffic.fetched_bytes,
                    again_bytes=traffic.again_bytes,
                    reused_bytes=traffic.resumed_bytes,
                )
            )

    def _by_ways(
        self,
        offer: FileOffer,
        artifact: Artifact,
        *,
        files: HttpFiles,
        store: PackageStore,
        folder: Path,
    ) -> bytes | None:
        """Return a file made from the smallest delta that works; ``None`` if none does."""
        bounded = replace(artifact, size=offer.whole.size_bytes)
        for way in offer.ways:
            is_smaller = way.parcel.size_bytes < offer.whole.size_bytes
            if is_smaller and way.parcel.digest not in self._useless:
                made = self._by_way(way, bounded, files=files, store=store, folder=folder)
                if made is not None:
                    return made
        return None

    def _by_way(
        self, way: Way, artifact: Artifact, *, files: HttpFiles, store: PackageStore, folder: Path
    ) -> bytes | None:
        """Return a file made from a delta; ``None`` if that does not work."""
        digest = way.parcel.digest
        place = place_of(folder, digest)
        try:
            old = self._base(way, artifact, store)
            sent = self._fetched(way, files, place)
            made = apply_delta(
                old,
                Delta.from_bytes(sent),
                digest=artifact.digest,
                max_bytes=artifact.size,
                compressions=self._compressions(),
            )
        except (PackageError, RefusedError) as error:
            reason = str(error)
        except MemoryError:
            reason = "no memory is left to apply it"
        except UnavailableError as error:
            self._breaks[digest] += 1
            if self._breaks[digest] < _MOST_BREAKS:
                raise  # a lost connection is not the delta's fault: what came of it is kept
            reason = f"it broke off {self._breaks[digest]} times: {error}"
        else:
            return made
        self._useless.add(digest)
        place.unlink(missing_ok=True)
        text = f"delta {short(digest)} to {artifact.path} of no use: {reason}"
        self._tell(Downloads(fallbacks=1, reason=text))
        return None

    def _base(self, way: Way, artifact: Artifact, store: PackageStore) -> bytes:
        """Return the file that a delta begins with, if all of it can be held in memory."""
        old = store.file_of(way.old) if way.old else b""
        if old is None:
            raise PackageError(f"its base {short(way.old)} is not here")
        needed_bytes = len(old) + 3 * artifact.size  # the new file, its parts, and the delta
        left_bytes = self._memory_left()
        allowed_bytes = _USUAL_BYTES if left_bytes is None else min(left_bytes, _USUAL_BYTES)
        if needed_bytes > allowed_bytes:
            raise PackageError(
                f"it would take {needed_bytes} bytes of memory, allowed are {allowed_bytes}"
            )
        return old

    def _fetched(self, way: Way, files: HttpFiles, place: Path) -> bytes:
        parcel = way.parcel
        try:
            return files.bring(parcel.digest, place, most_bytes=parcel.size_bytes, parcel=parcel)
        finally:
            traffic = files.traffic()
            self._tell(
                Downloads(
                    packed_bytes=0 if way.old else traffic.fetched_bytes,
                    delta_bytes=traffic.fetched_bytes if way.old else 0,
                    again_bytes=traffic.again_bytes,
                    reused_bytes=traffic.resumed_bytes,
                )
            )
