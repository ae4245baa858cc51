"""Batches of earlier lives come as they lie in the store, and are read when they are sent."""

from edge_agent.core.effects import DeleteBatches, Log
from edge_agent.core.kept_batches import StoredBatch
from edge_agent.core.outbox import Outbox, OutboxConfig
from edge_contract.messages import BootAck, Death, TelemetryBatch, encode
from tests.support.agent_batches import batch, bulky_batch, merge
from tests.support.agent_outbox import sending


def stored(one: TelemetryBatch) -> StoredBatch:
    return StoredBatch(one.batch_id, encode(one))


def unreadable(one: TelemetryBatch) -> StoredBatch:
    """A message that is intact, and none that holds a batch."""
    return StoredBatch(one.batch_id, encode(Death("cam-7", 1, "closed")))


def test_they_are_sent_and_acknowledged_like_any_other() -> None:
    first, second = batch(0, 1.0), batch(1, 2.0)
    outbox = Outbox(OutboxConfig(), merge, [stored(second), stored(first)])

    assert len(outbox) == 2
    assert outbox.latest_boot == first.batch_id.boot
    assert outbox.on_connected(1.0) == [sending(first), sending(second)]
    acked = outbox.on_ack([BootAck(first.batch_id.boot, 2, ())], 2.0)
    assert acked == [DeleteBatches((first.batch_id, second.batch_id))]
    assert len(outbox) == 0
    assert outbox.latest_boot == -1


def test_one_that_cannot_be_read_is_forgotten_and_told_and_the_others_go() -> None:
    good = batch(1, 2.0)
    outbox = Outbox(OutboxConfig(), merge, [unreadable(batch(0, 1.0)), stored(good)])

    gone, told, sent = outbox.on_connected(1.0)

    assert gone == DeleteBatches((batch(0, 1.0).batch_id,))
    assert isinstance(told, Log)
    assert "which cannot be read: message of batch" in told.text
    assert sent == sending(good)
    assert len(outbox) == 1


def test_one_that_cannot_be_read_makes_room_like_any_other() -> None:
    outbox = Outbox(OutboxConfig(max_bytes=200), merge, [unreadable(batch(0, 1.0))])
    outbox.add([bulky_batch(5)], {})
    assert len(outbox) == 1
