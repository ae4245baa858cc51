"""Counts columns of kinds that only plugins know, and keeps their mistakes to themselves."""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from edge_agent.adapters.numpy_sketches import Block
from edge_contract.errors import UsageError
from edge_contract.stats import Spec, Statistic

__all__ = ["CountsBlocks", "count_by_plugin"]


@runtime_checkable
class CountsBlocks(Protocol):
    """A statistic of a plugin that counts many observations at once."""

    def observe_block(self, block: Block) -> None:
        """Add observations, ``float32[arity, rows]``; the array is not to be changed or kept."""
        ...


def count_by_plugin(
    spec: Spec, block: Block, on_failure: Callable[[str], None] | None
) -> Statistic | None:
    """Return the statistic of a block, at once if it can do that, else row by row.

    Args:
        spec: What is counted.
        block: ``float32[arity, rows]``.
        on_failure: Is told why the plugin failed; the block is then left out of this column.

    Raises:
        UsageError: The plugin failed, and nobody is told otherwise.
    """
    try:
        statistic = spec.empty()
        if isinstance(statistic, CountsBlocks):
            statistic.observe_block(block)
        else:
            for row in block.T.tolist():
                statistic.observe(row)
    except Exception as error:
        text = f"statistic {spec.kind!r} cannot count: {type(error).__name__}: {error}"
        if on_failure is None:
            raise UsageError(text) from error
        on_failure(text)
        return None
    return statistic
