"""What agents that have left counted."""

from contextlib import closing
from pathlib import Path

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_contract.messages import Counters, WindowEntry

__all__ = ["NO_BROKER", "entries_in", "total"]

NO_BROKER = "mqtt://127.0.0.1:1"


def entries_in(state: Path) -> list[WindowEntry]:
    """What an agent that has left counted and nobody has acknowledged."""
    with closing(SqliteBatchStore(state / "agent.db", wait_s=0.0)) as store:
        return [entry for batch in store.batches() for entry in batch.entries]


def total(entries: list[WindowEntry], role: str = "primary") -> Counters:
    sums = Counters()
    for entry in entries:
        if entry.role == role:
            sums = sums.plus(entry.counters)
    return sums
