"""Offers: the ways by which a device that has some packages may get another one."""

from typing import Final, Self

from edge_contract.delta.parcel import Parcel
from edge_contract.errors import PackageError
from edge_contract.json_text import parse_json
from edge_contract.package.digests import DIGEST_PATTERN, canonical_json
from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass

__all__ = ["MAX_BASES", "MAX_OFFER_BYTES", "FileOffer", "Offer", "Way", "is_worth_it"]

MAX_OFFER_BYTES: Final = 1_000_000

MAX_BASES: Final = 4
"""Packages that a device may say it has."""

_MAX_FILES: Final = 64
_MAX_WAYS: Final = 4
_LEAST_SAVING: Final = 0.05


def is_worth_it(size_bytes: int, *, instead_of: int) -> bool:
    """Return whether a way of so many bytes saves a twentieth at least of a larger one."""
    return size_bytes <= (1.0 - _LEAST_SAVING) * instead_of


@dataclass(frozen=True, slots=True)
class Way:
    """A delta to a file.

    Attributes:
        parcel: The delta's own bytes.
        old: Digest of the file that it was made from; empty if it needs none.
    """

    parcel: Parcel
    old: str = ""


@dataclass(frozen=True, slots=True)
class FileOffer:
    """A file, and smaller ways to it than itself.

    Attributes:
        whole: The file as it is.
        ways: Deltas to it, the smallest first.
    """

    whole: Parcel
    ways: tuple[Way, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """What there is for one package. All of it is advice: digests in the manifest decide.

    Attributes:
        files: The manifest and the files that it lists.
        is_growing: Whether more ways are being made, so that it is worth asking again soon.
    """

    files: tuple[FileOffer, ...]
    is_growing: bool = False

    def of(self, digest: str) -> FileOffer | None:
        """Return what there is for a file."""
        return next((file for file in self.files if file.whole.digest == digest), None)

    def to_bytes(self) -> bytes:
        """Return what a device is answered."""
        return canonical_json(
            {
                "files": [
                    {**file.whole.to_json(), "ways": [_way_to_json(way) for way in file.ways]}
                    for file in self.files
                ],
                "growing": self.is_growing,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what came.

        Raises:
            PackageError: It is no offer.
        """
        try:
            reader = Reader(parse_json(data), "offer", PackageError)
        except ValueError as error:
            raise PackageError(f"offer is no JSON: {error}") from error
        return cls(
            files=tuple(
                FileOffer(
                    Parcel.from_json(file),
                    tuple(_way(way) for way in file["ways"].items(max_length=_MAX_WAYS)),
                )
                for file in reader["files"].items(max_length=_MAX_FILES)
            ),
            is_growing=reader["growing"].flag(),
        )


def _way_to_json(way: Way) -> JsonObject:
    return {**way.parcel.to_json(), "old": way.old}


def _way(reader: Reader) -> Way:
    return Way(Parcel.from_json(reader), reader["old"].text(pattern=f"({DIGEST_PATTERN})?"))
