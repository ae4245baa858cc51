"""Smaller ways to a package's files, as registries offer them: read and applied for JavaScript."""

import json

from browser.py.bridge import Given, bytes_of
from edge_agent.adapters.compressions import compressions_here
from edge_contract.delta import Delta, Offer, apply_delta
from edge_contract.reading import JsonValue

__all__ = ["applied", "compressions", "ways"]


def compressions() -> str:
    """Return the names of those that deltas may use here, as JSON."""
    return json.dumps([compression.name for compression in compressions_here()])


def ways(offer: Given) -> str:
    """Return the ways to each file that are smaller than it is, the smallest first, as JSON.

    Raises:
        PackageError: It is no offer.
    """
    found: dict[str, JsonValue] = {}
    for file in Offer.from_bytes(bytes_of(offer)).files:
        found[file.whole.digest] = [
            {"digest": way.parcel.digest, "size": way.parcel.size_bytes, "old": way.old}
            for way in file.ways
            if way.parcel.size_bytes < file.whole.size_bytes
        ]
    return json.dumps(found)


def applied(old: Given, delta: Given, digest: str, max_bytes: int) -> bytes:
    """Return the file of a digest.

    Raises:
        PackageError: The delta is damaged, begins elsewhere, or makes something else.
    """
    return apply_delta(
        bytes_of(old),
        Delta.from_bytes(bytes_of(delta)),
        digest=digest,
        max_bytes=max_bytes,
        compressions=compressions_here(),
    )
