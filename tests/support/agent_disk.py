"""A disk in memory: it keeps what a transaction has written and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.core.effects import SaveBatches
from edge_contract.messages import BatchId, TelemetryBatch, decode, encode
from edge_contract.reading import JsonObject

__all__ = ["Disk", "DiskFullError", "PowerCutError"]


class PowerCutError(Exception):
    """The device has lost its power."""


class DiskFullError(Exception):
    """The disk refused; a shell skips the rest of this step."""


@dataclass
class Disk:
    """What survives."""

    payloads: dict[BatchId, bytes] = field(default_factory=dict)
    marks: dict[str, tuple[int, ...]] = field(default_factory=dict)
    state: JsonObject | None = None
    is_full: bool = False
    cuts_before_save: bool = False
    cuts_after_save: bool = False

    def save(self, save: SaveBatches) -> None:
        if self.is_full:
            raise DiskFullError
        if self.cuts_before_save:
            raise PowerCutError
        for batch_id in save.replaces:
            self.payloads.pop(batch_id, None)
        self.payloads |= {batch.batch_id: encode(batch) for batch in save.batches}
        self.marks |= save.marks
        if self.cuts_after_save:
            raise PowerCutError

    def delete(self, batch_ids: Iterable[BatchId]) -> None:
        if self.is_full:
            raise DiskFullError
        for batch_id in batch_ids:
            self.payloads.pop(batch_id, None)

    def batches(self) -> list[TelemetryBatch]:
        decoded = [decode(payload) for payload in self.payloads.values()]
        return [message for message in decoded if isinstance(message, TelemetryBatch)]
