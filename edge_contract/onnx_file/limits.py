"""How large a model may be before an agent refuses to try it."""

from edge_contract.records import dataclass

__all__ = ["ModelLimits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelLimits:
    """Bounds on a graph.

    Attributes:
        nodes: Steps of the graph and of all graphs inside it.
        depth: Graphs inside each other (the branches of ``If``, the bodies of ``Loop``).
        values: Of one tensor, for one row; 2**28 are 1 GB of float32.
        trips: Of a loop that says how often it runs.
        parts: Fields of the file to look at; stops files that are all structure and no model.
    """

    nodes: int = 100_000
    depth: int = 16
    values: int = 2**28
    trips: int = 1_000_000
    parts: int = 3_000_000
