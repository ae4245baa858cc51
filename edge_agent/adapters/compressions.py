"""The compressions of deltas that this Python has."""

from edge_contract.delta import Compression, Zlib
from edge_contract.errors import UnavailableError

__all__ = ["compressions_here"]


def compressions_here() -> tuple[Compression, ...]:
    """Return zstd where it is installed, and zlib."""
    try:
        from edge_agent.adapters.zstd import Zstd
    except UnavailableError:
        return (Zlib(),)
    return (Zstd(), Zlib())
