"""The offer desk: tells devices by which ways they get a package, and has ways made in time."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cloud_sync.ports import DeltaShelf, PackageRepository, PackageVersion, Recipe
from edge_contract.delta import MAX_BASES, FileOffer, Offer, Parcel, Way, is_worth_it
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.package import Manifest, short

__all__ = ["OfferDesk"]

_VERSIONS_BACK: Final = 3
_LEAST_BYTES: Final = 2048
_PARCELS_KEPT: Final = 4096


class _File(NamedTuple):
    """A file of a package, and what it is for: by that its older version is found."""

    purpose: tuple[str, str]
    digest: str
    size_bytes: int


class OfferDesk:
    """Knows the registry and the deltas between its files. Thread-safe.

    Args:
        packages: The registry.
        deltas: Ways that are smaller than files; ``None`` for a cloud that makes none.
    """

    def __init__(self, packages: PackageRepository, deltas: DeltaShelf | None) -> None:
        self._packages = packages
        self._deltas = deltas
        self._lock = threading.Lock()
        self._parcels: OrderedDict[str, Parcel] = OrderedDict()

    def offer(self, digest: str, *, have: Sequence[str], compressions: Sequence[str]) -> Offer:
        """Return the ways to a package.

        What is not made yet is made soon, for others or for whoever asks again. Never waits for it.

        Args:
            digest: Of the package.
            have: Packages that the device has; unknown ones are ignored.
            compressions: Those that it can expand.

        Raises:
            UsageError: The registry has no such package.
        """
        new = self._files(digest)
        if not new:
            raise UsageError(f"the registry has no package {short(digest)}: push it first")
        bases = self._bases(have[:MAX_BASES])
        wanted: list[Recipe] = []
        offers: list[FileOffer] = []
        for file in new:
            recipes = list(self._recipes(file, bases, compressions))
            wanted += recipes
            whole = self._parcel(file.digest)
            if whole is not None:
                offers.append(FileOffer(whole, self._best(whole, recipes)))
        is_growing = self._deltas is not None and self._deltas.want(wanted, is_urgent=True)
        return Offer(tuple(offers), is_growing)

    def prepare(self, version: PackageVersion) -> None:
        """Have ways made to a version that was just pushed, from those that devices may have."""
        if self._deltas is None:
            return
        others = [it for it in self._packages.versions(version.model) if it != version]
        others.sort(key=lambda it: it.pushed_unix_s, reverse=True)
        bases = self._bases([it.digest for it in others[:_VERSIONS_BACK]])
        best = self._deltas.compressions[:1]
        files = self._files(version.digest)
        self._deltas.want([it for file in files for it in self._recipes(file, bases, best)])

    def path(self, digest: str) -> Path | None:
        """Return the file of a delta, by its own digest."""
        return None if self._deltas is None else self._deltas.path(digest)

    def _recipes(
        self, file: _File, bases: Iterable[Sequence[_File]], compressions: Sequence[str]
    ) -> Iterator[Recipe]:
        """Yield what may be made for a file: compressed alone, and from each of the bases."""
        known = [] if self._deltas is None else self._deltas.compressions
        usable = [name for name in known if name in compressions][:1]
        if file.size_bytes < _LEAST_BYTES:
            return
        for compression in usable:
            yield Recipe(file.digest, "", compression)
            for base in bases:
                olds = [old.digest for old in base if old.purpose == file.purpose]
                if olds and olds[0] != file.digest:
                    yield Recipe(file.digest, olds[0], compression)

    def _best(self, whole: Parcel, recipes: Iterable[Recipe]) -> tuple[Way, ...]:
        """Return the smallest delta, and the file compressed alone, each if it saves enough."""
        if self._deltas is None:
            return ()
        found = [way for recipe in recipes if (way := self._deltas.find(recipe)) is not None]
        found.sort(key=lambda way: way.parcel.size_bytes)
        ways: list[Way] = []
        larger_bytes = whole.size_bytes
        for way in (next((it for it in found if not it.old), None), *found[:1]):
            if way is not None and is_worth_it(way.parcel.size_bytes, instead_of=larger_bytes):
                ways.insert(0, way)
                larger_bytes = way.parcel.size_bytes
        return tuple(ways)

    def _bases(self, digests: Iterable[str]) -> list[list[_File]]:
        """Return the files of packages that deltas may begin with; those that are none are not."""
        bases: list[list[_File]] = []
        for digest in digests:
            with contextlib.suppress(UnavailableError):  # damaged: no reason to refuse another one
                bases.append(self._files(digest))
        return bases

    def _files(self, digest: str) -> list[_File]:
        """Return all files of a package, its manifest among them; nothing if it is unknown."""
        facts = self._packages.find(digest)
        if facts is None:
            return []
        size_bytes = len(facts.manifest.to_bytes())
        return [_File(("manifest", ""), digest, size_bytes), *_artifacts(facts.manifest)]

    def _parcel(self, digest: str) -> Parcel | None:
        """Return the chunks of a file; ``None`` if it is not there, or damaged.

        One file is read at a time: a thousand devices may ask for the same one.
        """
        with self._lock:
            known = self._parcels.get(digest)
            if known is not None:
                self._parcels.move_to_end(digest)
                return known
            try:
                parcel = _read(self._packages.blob_path(digest))
            except (OSError, UsageError):
                return None
            if parcel.digest != digest:
                return None
            self._parcels[digest] = parcel
            while len(self._parcels) > _PARCELS_KEPT:
                self._parcels.popitem(last=False)
            return parcel


def _read(path: Path) -> Parcel:
    with path.open("rb") as file:
        return Parcel.read(file.read, size_bytes=path.stat().st_size)


def _artifacts(manifest: Manifest) -> Iterator[_File]:
    for artifact in manifest.artifacts:
        yield _File((artifact.role, artifact.variant), artifact.digest, artifact.size)
