"""Deltas between model files: made where packages are published, applied on devices."""

from edge_contract.delta.compression import Compression, Zlib
from edge_contract.delta.delta import Delta, Method, apply_delta, make_delta
from edge_contract.delta.offer import (
    MAX_BASES,
    MAX_OFFER_BYTES,
    FileOffer,
    Offer,
    Way,
    is_worth_it,
)
from edge_contract.delta.parcel import Parcel

__all__ = [
    "MAX_BASES",
    "MAX_OFFER_BYTES",
    "Compression",
    "Delta",
    "FileOffer",
    "Method",
    "Offer",
    "Parcel",
    "Way",
    "Zlib",
    "apply_delta",
    "is_worth_it",
    "make_delta",
]
