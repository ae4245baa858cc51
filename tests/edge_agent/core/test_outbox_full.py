"""A full outbox merges before it forgets, and says what it forgot."""

import bisect
from collections.abc import Sequence
from dataclasses import replace

import pytest

from edge_agent.core.effects import Log, SaveBatches
from edge_agent.core.outbox import Outbox, OutboxConfig
from edge_contract.errors import UsageError
from edge_contract.messages import BatchId, TelemetryBatch, WindowEntry
from tests.support.agent_batches import SPEC, batch, bulky_batch, entry, merge, rows_of
from tests.support.agent_outbox import (
    add_saved,
    drained,
    is_sendable,
    outbox_of,
    published,
    replaced,
    saved,
)


def test_a_full_outbox_merges_its_two_oldest_windows() -> None:
    outbox = outbox_of(config=OutboxConfig(max_bytes=350))
    add_saved(outbox, batch(0, 1.0, 2.0), batch(1, 3.0), batch(2, 5.0))

    effects = outbox.add([batch(3, 7.0)], {"ring": (5,)})

    save, log = effects
    assert isinstance(log, Log)
    assert log.text.startswith("outbox is full (350 bytes): from now on its oldest windows are")
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
    outbox = outbox_of(config=OutboxConfig(max_bytes=350))
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

    effects = add_saved(outbox, *(bulky_batch(seq, 33_000) for seq in range(8)))

    warnings = [effect.text for effect in effects if isinstance(effect, Log)]
    assert ["of 10 rows;" in text for text in warnings] == [True] * 7
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

    add_saved(outbox, bulky_batch(0, rows=8_123_456_789_012_345), full)

    assert drained(outbox) == [
        TelemetryBatch(full.batch_id, (), span=2, lost_rows=8_123_456_789_012_355)
    ]


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
