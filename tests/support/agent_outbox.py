"""An outbox with a disk that works, and a collector that acknowledges, for tests."""

from edge_agent.core.effects import Effect, PublishBatch, SaveBatches
from edge_agent.core.outbox import Outbox, OutboxConfig
from edge_contract.errors import MessageError
from edge_contract.messages import BatchId, BootAck, TelemetryBatch, decode, encode
from tests.support.agent_batches import merge

__all__ = [
    "add_saved",
    "batch_in",
    "drained",
    "is_sendable",
    "outbox_of",
    "published",
    "replaced",
    "saved",
    "sending",
]

PATIENT = OutboxConfig(max_in_flight=2, ack_timeout_s=30.0)


def outbox_of(*restored: TelemetryBatch, config: OutboxConfig = PATIENT) -> Outbox:
    """An outbox that patiently waits 30 s for acknowledgements, two batches in flight."""
    return Outbox(config, merge, restored)


def add_saved(outbox: Outbox, *batches: TelemetryBatch, now_s: float = 0.0) -> list[Effect]:
    """Add batches one by one to an outbox whose store never fails."""
    effects: list[Effect] = []
    for one in batches:
        for effect in outbox.add([one], {}):
            effects.append(effect)
            if isinstance(effect, SaveBatches):
                effects += outbox.on_saved(effect, now_s)
    return effects


def published(effects: list[Effect]) -> list[int]:
    """Numbers of the batches that are sent, in order."""
    return [effect.batch_id.seq for effect in effects if isinstance(effect, PublishBatch)]


def saved(effects: list[Effect]) -> SaveBatches:
    """The one transaction that is asked for."""
    (save,) = [effect for effect in effects if isinstance(effect, SaveBatches)]
    return save


def replaced(effects: list[Effect]) -> list[BatchId]:
    """What all transactions together forget."""
    saves = [effect for effect in effects if isinstance(effect, SaveBatches)]
    return [batch_id for save in saves for batch_id in save.replaces]


def drained(outbox: Outbox) -> list[TelemetryBatch]:
    """Connect, acknowledge everything, and return what was sent, in that order."""
    sent: list[TelemetryBatch] = []
    effects = outbox.on_connected(0.0)
    while effects:
        new = [batch_in(effect) for effect in effects if isinstance(effect, PublishBatch)]
        sent += new
        acks = [BootAck(one.batch_id.boot, 0, (one.batch_id.seq,)) for one in new]
        effects = outbox.on_ack(acks, 0.0)
    assert len(outbox) == 0
    return sent


def sending(batch: TelemetryBatch) -> PublishBatch:
    """The effect that sends a batch."""
    return PublishBatch(batch.batch_id, encode(batch))


def batch_in(effect: PublishBatch) -> TelemetryBatch:
    """The batch that is sent, as the collector reads it."""
    batch = decode(effect.message)
    assert isinstance(batch, TelemetryBatch)
    assert batch.batch_id == effect.batch_id
    return batch


def is_sendable(one: TelemetryBatch) -> bool:
    """Whether it fits into a message."""
    try:
        encode(one)
    except MessageError:
        return False
    return True
