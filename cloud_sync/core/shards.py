"""Shards of the fleet, and which collector may merge which."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from edge_contract.errors import EdgeError

__all__ = ["CollectorId", "LeaseLostError", "Leases"]


class LeaseLostError(EdgeError):
    """Another collector merges a shard now: nothing was written, and nothing of it ever may be."""


class CollectorId(NamedTuple):
    """One process that merges telemetry.

    Attributes:
        name: Given by the operator; whoever starts under it takes over from an earlier one at once.
        instance: Of this process alone, so that one that was taken for dead is never mistaken for
            its successor.
    """

    name: str
    instance: str

    def __str__(self) -> str:
        """Both in one text."""
        return f"{self.name}:{self.instance}"


@dataclass(frozen=True, slots=True)
class Leases:
    """Shards that a collector may merge.

    Attributes:
        held: Number of the lease by shard; it rises with each new holder.
        surplus: Those that others wait for: commit what was gathered of them, then let go.
    """

    held: Mapping[int, int] = field(default_factory=dict)
    surplus: frozenset[int] = frozenset()
