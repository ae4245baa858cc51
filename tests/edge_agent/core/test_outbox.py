"""The outbox sends what is durable until it is acknowledged, and stays within its bounds."""

import bisect
import math
from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge_agent.core.effects import DeleteBatches, Effect, Log, PublishBatch, SaveBatches
from edge_agent.core.outbox import Outbox, OutboxConfig
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import BatchId, BootAck, TelemetryBatch, WindowEntry, encode
from tests.support.agent_batches import SPEC, batch, bulky_batch, entry, merge, rows_of

PATIENT = OutboxConfig(max_in_flight=2, ack_timeout_s=30.0)


def outbox_of(*restored: TelemetryBatch, config: OutboxConfig = PATIENT) -> Outbox:
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
    return [effect.batch.batch_id.seq for effect in effects if isinstance(effect, PublishBatch)]


def saved(effects: list[Effect]) -> SaveBatches:
    (save,) = [effect for effect in effects if isinstance(effect, SaveBatches)]
    return save


def replaced(effects: list[Effect]) -> list[BatchId]:
    saves = [effect for effect in effects if isinstance(effect, SaveBatches)]
    return [batch_id for save in saves for batch_id in save.replaces]


def drained(outbox: Outbox) -> list[TelemetryBatch]:
    """Connect, acknowledge everything, and return what was sent, in that order."""
    sent: list[TelemetryBatch] = []
    effects = outbox.on_connected(0.0)
    while effects:
        new = [effect.batch for effect in effects if isinstance(effect, PublishBatch)]
        sent += new
        acks = [BootAck(one.batch_id.boot, 0, (one.batch_id.seq,)) for one in new]
        effects = outbox.on_ack(acks, 0.0)
    assert len(outbox) == 0
    return sent


def is_sendable(one: TelemetryBatch) -> bool:
    try:
        encode(one)
    except MessageError:
        return False
    return True


# Sending.


def test_a_batch_is_sent_only_after_it_was_saved() -> None:
    outbox = outbox_of()
    outbox.on_connected(0.0)

    asked = outbox.add([batch(0, 1.0)], {"ring": (1,)})
    later = outbox.on_timer(100.0)
    then = outbox.on_saved(saved(asked), 101.0)

    assert asked == [SaveBatches((batch(0, 1.0),), {"ring": (1,)})]
    assert later == []
    assert then == [PublishBatch(batch(0, 1.0))]


def test_an_ack_forgets_a_batch_and_makes_room_for_the_next_one() -> None:
    outbox = outbox_of(batch(0), batch(1), batch(2))
    outbox.on_connected(0.0)

    effects = outbox.on_ack([BootAck(1, floor=1)], 1.0)

    assert effects == [DeleteBatches((BatchId("cam-7", 1, 0),)), PublishBatch(batch(2))]
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

    assert effects == [PublishBatch(batch(0, boot=1)), PublishBatch(batch(1, boot=1))]


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
    assert outbox.on_collector(221.0, listening=True) == [PublishBatch(batch(0))]
    assert outbox.wake_at_s == 251.0


# Saving.


def test_what_the_store_refused_is_kept_unsent_and_saved_later() -> None:
    outbox = outbox_of()
    outbox.on_connected(0.0)
    outbox.add([batch(0, 1.0)], {"ring": (1,)})

    again = outbox.save_due()
    sent = outbox.on_saved(saved(again), 5.0)

    assert again == [SaveBatches((batch(0, 1.0),), {"ring": (1,)})]
    assert sent == [PublishBatch(batch(0, 1.0))]
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


# A full outbox.


def test_a_full_outbox_merges_its_two_oldest_windows() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=330))
    add_saved(outbox, batch(0, 1.0, 2.0), batch(1, 3.0), batch(2, 5.0))

    effects = outbox.add([batch(3, 7.0)], {"ring": (5,)})

    (save,) = effects
    assert isinstance(save, SaveBatches)
    new, joined = save.batches[1], save.batches[0]
    assert new == batch(3, 7.0)
    assert joined.batch_id == BatchId("cam-7", 1, 1)
    assert joined.span == 2
    assert joined.entries == (entry(1.0, 2.0, 3.0, start_unix_s=0.0, end_unix_s=120.0),)
    assert save.replaces == (BatchId("cam-7", 1, 0), BatchId("cam-7", 1, 1))
    assert save.marks == {"ring": (5,)}
    assert len(outbox) == 3


def test_what_was_replaced_is_replaced_once() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=330))
    effects = add_saved(outbox, *(batch(seq, 1.0) for seq in range(8)))

    gone = replaced(effects)

    assert len(gone) == len(set(gone)) + 4, "a merged batch takes the name of one of the two"
    assert gone[:4] == [batch(seq).batch_id for seq in (0, 1, 1, 2)]


def test_two_windows_that_fit_into_no_message_together_are_tried_once() -> None:
    tried = []

    def counting(entries: Sequence[WindowEntry]) -> tuple[WindowEntry, ...]:
        tried.append(len(entries))
        return merge(entries)

    outbox = Outbox(OutboxConfig(max_bytes=120_000), counting)
    for seq in range(6):
        outbox.add([bulky_batch(seq)], {})

    assert len(tried) == 5


def test_windows_on_both_sides_of_a_sent_one_are_not_merged() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=360))
    add_saved(outbox, batch(0, 1.0), batch(1, 2.0), batch(2, 3.0))
    outbox.add([batch(3, 4.0)], {})  # 0 and 1 are merged, and the disk refuses that
    sent = published(outbox.on_connected(1.0))
    outbox.on_disconnected()

    add_saved(outbox, batch(4, 5.0), batch(5, 6.0))

    assert sent == [2]
    assert sorted((one.batch_id.seq, one.span) for one in drained(outbox)) == [
        (1, 2),
        (2, 1),
        (5, 3),
    ]


def test_a_full_outbox_goes_on_merging_and_loses_nothing() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=450))

    add_saved(outbox, *(batch(seq, float(seq)) for seq in range(60)))

    sent = drained(outbox)
    assert 1 < len(sent) < 6
    assert sum(one.span for one in sent) == 60
    assert sum(window.counters.rows for one in sent for window in one.entries) == 60
    assert sum(one.lost_rows for one in sent) == 0
    assert sent[-1] == batch(59, 59.0)


def test_the_merged_statistics_are_those_of_one_long_window() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=250))

    add_saved(outbox, *(batch(seq, float(seq), -2.0) for seq in range(10)))

    oldest = drained(outbox)[0]
    (window,) = oldest.entries
    values = [value for seq in range(oldest.span) for value in (float(seq), -2.0)]
    whole = entry(*values, end_unix_s=60.0 * oldest.span)
    assert oldest.span > 5
    assert (window.start_unix_s, window.end_unix_s) == (0.0, whole.end_unix_s)
    assert window.counters == whole.counters
    assert window.profile[0] == whole.profile[0]
    assert SPEC.decode(window.profile)[1].to_state() == pytest.approx(whole.profile[1])


def test_a_batch_that_may_have_been_sent_is_never_merged() -> None:
    """The collector might have merged it already, and would count its rows again."""
    outbox = outbox_of(config=OutboxConfig(max_in_flight=2, max_bytes=450))
    add_saved(outbox, batch(0, 1.0), batch(1, 2.0), batch(2, 3.0))
    outbox.on_connected(0.0)
    outbox.on_disconnected()

    effects = add_saved(outbox, *(batch(seq, 1.0) for seq in range(3, 20)))

    assert batch(0, 1.0).batch_id not in replaced(effects)
    assert batch(1, 2.0).batch_id not in replaced(effects)
    sent = drained(outbox)
    assert sent[:2] == [batch(0, 1.0), batch(1, 2.0)]
    assert sum(one.span for one in sent) == 20


def test_batches_of_an_earlier_life_are_never_merged() -> None:
    outbox = outbox_of(batch(0, 1.0), batch(1, 1.0), config=OutboxConfig(max_bytes=350))

    effects = add_saved(outbox, *(batch(seq, 1.0, boot=2) for seq in range(10)))

    assert {batch_id.boot for batch_id in replaced(effects)} == {2}
    assert drained(outbox)[:2] == [batch(0, 1.0), batch(1, 1.0)]


def test_windows_are_merged_while_the_store_refuses_them_too() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=450))

    for seq in range(60):
        outbox.add([batch(seq, 1.0)], {"ring": (seq + 1,)})
    save = saved(outbox.save_due())

    assert sum(rows_of(one) for one in save.batches) == 60
    assert sum(one.lost_rows for one in save.batches) == 0
    assert save.marks == {"ring": (60,)}
    assert save.replaces == ()


def test_statistics_are_forgotten_only_when_merging_does_not_help() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=110_000))
    add_saved(outbox, bulky_batch(0), bulky_batch(1))

    effects = add_saved(outbox, bulky_batch(2))

    warnings = [effect.text for effect in effects if isinstance(effect, Log)]
    assert warnings == [
        "outbox is full (110000 bytes): forgot the statistics of 10 rows; "
        "raise the outbox's size or bring the device online"
    ]
    assert replaced(effects) == [BatchId("cam-7", 1, 0), BatchId("cam-7", 1, 1)]
    assert drained(outbox) == [
        replace(bulky_batch(1), span=2, lost_rows=10),
        bulky_batch(2),
    ]


def test_rows_are_reported_as_lost_in_the_transaction_that_forgets_them() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=110_000))
    add_saved(outbox, bulky_batch(0), bulky_batch(1))

    save = saved(outbox.add([bulky_batch(2)], {"ring": (3,)}))

    assert [rows_of(one) for one in save.batches] == [20, 10]
    assert save.marks == {"ring": (3,)}


def test_every_row_is_merged_or_reported_as_lost_however_small_the_outbox() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=1))

    add_saved(outbox, *(bulky_batch(seq, 33_000) for seq in range(8)))

    sent = drained(outbox)
    assert [rows_of(one) for one in sent] == [80]
    assert [one.lost_rows for one in sent] == [70]
    assert [one.span for one in sent] == [8]


def test_a_batch_without_room_for_the_larger_numbers_gives_up_its_statistics_too() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=1))
    sizes = range(40_000, 60_000, 4)
    too_large = bisect.bisect_left(
        sizes, True, key=lambda size: not is_sendable(bulky_batch(1, size))
    )
    full = bulky_batch(1, sizes[too_large - 1])

    add_saved(outbox, bulky_batch(0, rows=123_456_789), full)

    assert drained(outbox) == [TelemetryBatch(full.batch_id, (), span=2, lost_rows=123_456_799)]


def test_the_oldest_batch_goes_when_all_but_the_newest_may_have_been_sent() -> None:
    outbox = outbox_of(bulky_batch(0), bulky_batch(1), config=OutboxConfig(max_bytes=110_000))

    effects = add_saved(outbox, replace(bulky_batch(0), batch_id=BatchId("cam-7", 2, 0)))

    assert replaced(effects) == [BatchId("cam-7", 1, 0)]
    sent = drained(outbox)
    assert [one.batch_id[1:] for one in sent] == [(1, 1), (2, 0)]
    assert [(one.span, one.lost_rows) for one in sent] == [(1, 0), (1, 10)]


def test_lost_rows_add_up_over_everything_that_is_forgotten_and_merged() -> None:
    restored = [bulky_batch(0), bulky_batch(1), bulky_batch(2)]
    outbox = outbox_of(*restored, config=OutboxConfig(max_bytes=300))

    add_saved(outbox, *(batch(seq, 1.0, boot=2) for seq in range(9)))

    sent = drained(outbox)
    assert sum(one.lost_rows for one in sent) == 30
    assert sum(rows_of(one) for one in sent) == 39


def test_windows_that_do_not_fit_their_package_are_kept_as_they_are() -> None:
    strange = replace(entry(1.0), profile={0: [-1, 0, 0, 0, []]})
    outbox = outbox_of(config=OutboxConfig(max_bytes=250))

    add_saved(
        outbox,
        TelemetryBatch(BatchId("cam-7", 1, 0), (strange,)),
        TelemetryBatch(BatchId("cam-7", 1, 1), (strange,)),
        batch(2, 1.0),
        batch(3, 1.0),
    )

    assert sum(rows_of(one) for one in drained(outbox)) == 4


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"max_in_flight": 0}, "max_in_flight must be at least 1, got 0"),
        ({"ack_timeout_s": 0.0}, "ack_timeout_s must be above 0"),
        ({"ack_timeout_s": 500.0}, "got 500.0 and 300.0"),
        ({"max_bytes": 0}, "max_bytes must be at least 1, got 0"),
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        OutboxConfig(**wrong)
