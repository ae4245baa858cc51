"""Deltas between model files: made where packages are published, applied on devices."""

from edge_contract.delta.compression import Compression, Zlib
from edge_contract.delta.delta import Delta, Method, apply_delta, make_delta

__all__ = ["Compression", "Delta", "Method", "Zlib", "apply_delta", "make_delta"]
