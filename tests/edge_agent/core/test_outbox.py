"""The outbox saves what it is given, then sends it until it is acknowledged."""

import math

import pytest

from edge_agent.core.effects import DeleteBatches, SaveBatches
from edge_agent.core.outbox import OutboxConfig
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import BatchId, BootAck, TelemetryBatch
from tests.support.agent_batches import batch, entry
from tests.support.agent_outbox import (
    add_saved,
    outbox_of,
    published,
    saved,
    sending,
)

# Sending.


def test_a_batch_is_sent_only_after_it_was_saved() -> None:
    outbox = outbox_of()
    outbox.on_connected(0.0)

    asked = outbox.add([batch(0, 1.0)], {"ring": (1,)})
    later = outbox.on_timer(100.0)
    then = outbox.on_saved(saved(asked), 101.0)

    assert asked == [SaveBatches((batch(0, 1.0),), {"ring": (1,)})]
    assert later == []
    assert then == [sending(batch(0, 1.0))]


def test_an_ack_forgets_a_batch_and_makes_room_for_the_next_one() -> None:
    outbox = outbox_of(batch(0), batch(1), batch(2))
    outbox.on_connected(0.0)

    effects = outbox.on_ack([BootAck(1, floor=1)], 1.0)

    assert effects == [DeleteBatches((BatchId("cam-7", 1, 0),)), sending(batch(2))]
    assert len(outbox) == 2


def test_an_ack_covers_all_below_its_floor_and_what_is_ahead_of_it() -> None:
    outbox = outbox_of(batch(0), batch(1), batch(2), batch(3), batch(4))

    effects = outbox.on_ack([BootAck(1, floor=2, ahead=(3,))], 1.0)

    assert effects == [DeleteBatches((batch(0).batch_id, batch(1).batch_id, batch(3).batch_id))]
    assert len(outbox) == 2


def test_an_ack_of_another_life_covers_nothing() -> None:
    outbox = outbox_of(batch(0, boot=2))

    assert outbox.on_ack([BootAck(1, floor=9), BootAck(3, floor=9)], 1.0) == []
    assert len(outbox) == 1


def test_a_repeated_ack_changes_nothing() -> None:
    outbox = outbox_of(batch(0))
    outbox.on_ack([BootAck(1, floor=1)], 1.0)

    assert outbox.on_ack([BootAck(1, floor=1)], 2.0) == []


def test_batches_of_earlier_lives_are_sent_first_whatever_the_order_of_the_store() -> None:
    outbox = outbox_of(batch(0, boot=2), batch(1, boot=1), batch(0, boot=1))

    effects = outbox.on_connected(0.0)

    assert effects == [sending(batch(0, boot=1)), sending(batch(1, boot=1))]


def test_the_wait_for_an_ack_doubles_up_to_a_bound() -> None:
    config = OutboxConfig(ack_timeout_s=10.0, max_ack_timeout_s=35.0)
    outbox = outbox_of(batch(0), config=config)
    outbox.on_connected(0.0)

    sent_at_s = [second for second in range(1, 120) if published(outbox.on_timer(float(second)))]

    assert sent_at_s == [10, 30, 65, 100]


def test_jitter_makes_the_wait_up_to_half_longer() -> None:
    outbox = outbox_of(batch(0), config=OutboxConfig(ack_timeout_s=10.0, jitter=1.0))

    outbox.on_connected(0.0)

    assert outbox.wake_at_s == 15.0


def test_a_timer_is_set_only_while_something_is_in_flight() -> None:
    outbox = outbox_of(batch(0), batch(1), batch(2))
    idle = outbox.wake_at_s
    outbox.on_connected(5.0)
    in_flight = outbox.wake_at_s
    outbox.on_ack([BootAck(1, floor=3)], 6.0)

    assert idle is None
    assert in_flight == 35.0
    assert outbox.wake_at_s is None


def test_the_timer_is_never_in_the_past_after_it_was_obeyed() -> None:
    outbox = outbox_of(batch(0), batch(1), batch(2), batch(3))
    outbox.on_connected(0.0)

    for _ in range(50):
        wake_at_s = outbox.wake_at_s
        assert wake_at_s is not None
        outbox.on_timer(wake_at_s)
        assert outbox.wake_at_s is not None
        assert outbox.wake_at_s > wake_at_s


def test_batches_that_are_never_acknowledged_do_not_hold_up_the_others() -> None:
    """The collector may not know the package of some batches yet."""
    config = OutboxConfig(max_in_flight=2, ack_timeout_s=10.0, max_ack_timeout_s=20.0)
    outbox = outbox_of(*(batch(seq) for seq in range(10)), config=config)
    outbox.on_connected(0.0)

    delivered = set()
    for second in range(10, 200, 10):
        for seq in published(outbox.on_timer(float(second))):
            if seq >= 6:
                delivered.add(seq)
                outbox.on_ack([BootAck(1, 0, (seq,))], float(second))

    assert delivered == {6, 7, 8, 9}
    assert len(outbox) == 6


def test_a_batch_that_rests_long_keeps_its_place_in_flight_only_for_a_while() -> None:
    outbox = outbox_of(batch(0), config=OutboxConfig(max_in_flight=1, ack_timeout_s=30.0))
    outbox.on_connected(0.0)
    outbox.on_timer(30.0)

    blocked = add_saved(outbox, batch(1), now_s=40.0)
    wake_at_s = outbox.wake_at_s

    assert published(blocked) == []
    assert wake_at_s == 60.0
    assert published(outbox.on_timer(60.0)) == [1]
    assert outbox.wake_at_s == 90.0


def test_nothing_is_sent_while_the_link_is_down() -> None:
    outbox = outbox_of(batch(0))
    outbox.on_connected(0.0)
    outbox.on_disconnected()

    assert outbox.on_timer(1000.0) == []
    assert add_saved(outbox, batch(1)) == [SaveBatches((batch(1),))]
    assert outbox.wake_at_s is None


def test_a_link_that_comes_back_sends_at_once_what_was_in_flight() -> None:
    outbox = outbox_of(batch(0), batch(1), batch(2))
    outbox.on_connected(0.0)
    outbox.on_timer(30.0)
    outbox.on_disconnected()

    effects = outbox.on_connected(31.0)

    assert published(effects) == [0, 1]
    assert outbox.wake_at_s == 61.0


def test_nothing_is_sent_while_the_collector_does_not_listen() -> None:
    outbox = outbox_of(batch(0))
    outbox.on_collector(0.0, listening=False)

    assert outbox.on_connected(1.0) == []
    assert outbox.on_timer(1000.0) == []
    assert add_saved(outbox, batch(1)) == [SaveBatches((batch(1),))]


def test_a_collector_that_listens_again_gets_at_once_what_it_had_not_acknowledged() -> None:
    outbox = outbox_of(batch(0))
    outbox.on_connected(0.0)
    for second in (30.0, 90.0, 210.0):
        outbox.on_timer(second)
    outbox.on_collector(220.0, listening=False)

    assert outbox.wake_at_s is None
    assert outbox.on_collector(221.0, listening=True) == [sending(batch(0))]
    assert outbox.wake_at_s == 251.0


# Saving.


def test_what_the_store_refused_is_kept_unsent_and_saved_later() -> None:
    outbox = outbox_of()
    outbox.on_connected(0.0)
    outbox.add([batch(0, 1.0)], {"ring": (1,)})

    again = outbox.save_due()
    sent = outbox.on_saved(saved(again), 5.0)

    assert again == [SaveBatches((batch(0, 1.0),), {"ring": (1,)})]
    assert sent == [sending(batch(0, 1.0))]
    assert outbox.save_due() == []


def test_later_batches_are_saved_together_with_what_was_refused() -> None:
    """Marks that cover a batch which is nowhere else would lose its rows in a crash."""
    outbox = outbox_of()
    outbox.add([batch(0, 1.0)], {"ring": (1,), "old ring": (7,)})

    effects = outbox.add([batch(1, 2.0)], {"ring": (2,)})

    assert effects == [
        SaveBatches((batch(0, 1.0), batch(1, 2.0)), {"ring": (2,), "old ring": (7,)})
    ]


def test_a_save_that_is_asked_for_again_never_turns_marks_back() -> None:
    outbox = outbox_of()
    outbox.add([batch(0, 1.0)], {"ring": (1,)})
    outbox.on_saved(saved(outbox.add([batch(1, 2.0)], {"ring": (2,)})), 1.0)

    assert outbox.save_due() == []


def test_an_answer_about_an_older_content_does_not_count_for_the_merged_one() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=250))
    outbox.on_connected(0.0)
    outbox.add([batch(0, 1.0)], {})
    older = saved(outbox.add([batch(1, 2.0)], {}))
    newer = saved(outbox.add([batch(2, 3.0)], {}))

    effects = outbox.on_saved(older, 1.0)

    assert effects == []
    assert published(outbox.on_saved(newer, 2.0)) == [1, 2]


def test_a_batch_id_cannot_be_added_twice() -> None:
    outbox = outbox_of(batch(0))

    with pytest.raises(UsageError, match="names never repeat"):
        outbox.add([batch(1), batch(0)], {})
    assert len(outbox) == 1


def test_a_batch_that_cannot_be_sent_is_not_taken() -> None:
    unsendable = TelemetryBatch(BatchId("cam-7", 1, 1), (entry(1.0, end_unix_s=math.nan),))
    outbox = outbox_of()

    with pytest.raises(MessageError, match="cannot be encoded"):
        outbox.add([batch(0), unsendable], {})
    assert len(outbox) == 0
