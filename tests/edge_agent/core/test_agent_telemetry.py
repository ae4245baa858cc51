"""The agent's core closes windows, saves them and sees them to the collector."""

from dataclasses import replace

import pytest

from edge_agent.core.agent import AgentCore
from edge_agent.core.effects import (
    CollectWindows,
    Log,
    SaveBatches,
)
from edge_contract.messages import (
    Acks,
    BootAck,
    CollectorState,
    Report,
)
from tests.support.agent_batches import batch, bulky_state, entry, rows_of
from tests.support.agent_core import CONFIG, START_UNIX_S, config_of, heard, started, told
from tests.support.agent_outbox import sending
from tests.support.telemetry import counting_package, window_of


def test_a_window_that_is_over_is_collected_and_the_state_reported() -> None:
    core = started()
    end_s = core.wake_at_s

    early = core.on_timer(end_s - 0.1, START_UNIX_S + end_s - 0.1)
    due = core.on_timer(end_s, START_UNIX_S + end_s)
    again = core.on_timer(end_s, START_UNIX_S + end_s)

    assert 60.0 <= end_s <= 66.0
    assert early == []
    assert due[0] == CollectWindows()
    assert isinstance(told(due)[0], Report)
    assert again == []
    assert core.wake_at_s == pytest.approx(end_s + 60.0)


def test_devices_close_their_windows_and_repeat_batches_at_different_times() -> None:
    ends_s, repeats_s = set(), set()

    for number in range(20):
        core = AgentCore(config_of(device=f"cam-{number}"), 3, restored=[batch(0)])
        core.on_start(0.0, START_UNIX_S)
        ends_s.add(core.wake_at_s)
        core.on_connected(0.0)
        repeats_s.add(core.wake_at_s)

    assert len(ends_s) == len(repeats_s) == 20
    assert all(60.0 <= end_s <= 66.0 for end_s in ends_s)
    assert all(10.0 <= repeat_s <= 15.0 for repeat_s in repeats_s)


def test_any_patience_with_the_collector_is_allowed() -> None:
    core = AgentCore(config_of(ack_timeout_s=2000.0, interval_s=86_400.0), 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)

    core.on_connected(0.0)

    assert core.outbox.wake_at_s is not None
    assert 2000.0 <= core.outbox.wake_at_s <= 3000.0


def test_windows_become_batches_that_are_saved_then_sent() -> None:
    core = started()
    core.on_connected(0.0)

    (save,) = core.on_windows([entry(1.0)], {"ring": (1,)}, 60.0)
    assert isinstance(save, SaveBatches)
    (publish,) = core.on_saved(save, 60.0)

    assert save.marks == {"ring": (1,)}
    assert publish == sending(save.batches[0])
    assert save.batches[0].batch_id == ("cam-7", 3, 0)


def test_an_idle_window_makes_no_batch() -> None:
    assert started().on_windows([], {}, 60.0) == []


def test_batches_are_numbered_through_a_life() -> None:
    core = started()
    big = [replace(entry(1.0), profile={0: bulky_state(40_000, seed)}) for seed in range(2)]

    core.on_windows([entry(1.0)], {}, 60.0)
    core.on_windows(big, {}, 60.0)
    (save,) = core.on_windows([entry(2.0)], {}, 60.0)

    assert isinstance(save, SaveBatches)
    assert [one.batch_id.seq for one in save.batches] == [0, 1, 2, 3]


def test_a_save_that_failed_is_tried_again_after_a_while() -> None:
    core = started()
    core.on_connected(0.0)
    (save,) = core.on_windows([entry(1.0)], {"ring": (1,)}, 10.0)
    assert isinstance(save, SaveBatches)

    logs = core.on_save_failed(save, "disk full", 10.0)
    early = core.on_timer(14.9, START_UNIX_S + 14.9)
    wake_at_s = core.wake_at_s
    late = core.on_timer(15.0, START_UNIX_S + 15.0)

    assert logs == [Log("warning", "disk full; trying again in 5 s")]
    assert early == []
    assert wake_at_s == 15.0
    assert late == [save]
    assert core.on_saved(save, 15.0) == [sending(save.batches[0])]


def test_a_window_that_ends_when_a_save_is_due_again_is_saved_together_with_it() -> None:
    """Two transactions of one step would be the other way round: the older marks would win."""
    core = started()
    end_s = core.wake_at_s
    (refused,) = core.on_windows([entry(1.0)], {"ring": (1,)}, end_s - 5.0)
    assert isinstance(refused, SaveBatches)
    core.on_save_failed(refused, "disk full", end_s - 5.0)

    due = core.on_timer(end_s, START_UNIX_S + end_s)
    (save,) = core.on_windows([entry(2.0)], {"ring": (2,)}, end_s)

    assert CollectWindows() in due
    assert not any(isinstance(effect, SaveBatches) for effect in due)
    assert isinstance(save, SaveBatches)
    assert save.marks == {"ring": (2,)}
    assert len(save.batches) == 2


def test_a_batch_that_is_due_again_when_a_window_ends_is_sent_right_after_it() -> None:
    """Collecting the window may forget that very batch, when the outbox is full."""
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)
    end_s = core.wake_at_s
    core.on_connected(end_s - 15.0)

    first = core.on_timer(end_s, START_UNIX_S + end_s)
    then = core.on_windows([], {}, end_s)

    assert first[0] == CollectWindows()
    assert sending(batch(0)) not in first
    assert then == [sending(batch(0))]


def test_a_save_is_tried_again_though_the_window_in_between_was_idle() -> None:
    core = started()
    end_s = core.wake_at_s
    (refused,) = core.on_windows([entry(1.0)], {"ring": (1,)}, end_s - 5.0)
    assert isinstance(refused, SaveBatches)
    core.on_save_failed(refused, "disk full", end_s - 5.0)
    core.on_timer(end_s, START_UNIX_S + end_s)

    assert core.on_windows([], {}, end_s) == [refused]


def test_a_statistic_that_no_message_can_hold_is_named_and_the_rest_kept() -> None:
    core = started()
    big = replace(entry(1.0), profile={3: bulky_state(90_000)})

    log, save = core.on_windows([big], {"ring": (1,)}, 60.0)

    assert isinstance(log, Log)
    assert log.text.startswith("left out the statistic in column 3")
    assert isinstance(save, SaveBatches)
    assert save.batches[0].entries[0].counters.rows == 1


def test_windows_of_a_known_package_are_merged_when_the_outbox_is_full() -> None:
    config = config_of(outbox_bytes=400)
    core = AgentCore(config, 3)
    core.on_start(0.0, START_UNIX_S)
    package = counting_package()
    core.knows(package.digest, package.manifest, package.reference())

    for minute in range(29):
        core.on_windows([window_of([(float(minute), 2.0)])], {}, 60.0 * minute)
    (save,) = core.on_windows([window_of([(29.0, 2.0)])], {}, 60.0 * 29)

    assert len(core.outbox) < 5
    assert isinstance(save, SaveBatches)
    assert {len(one.entries) for one in save.batches} == {1}
    assert sum(one.span for one in save.batches) == 30
    assert sum(rows_of(one) for one in save.batches) == 30
    assert sum(one.lost_rows for one in save.batches) == 0


def test_an_ack_for_this_device_forgets_a_batch() -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)

    heard(core, core.topics.acks, Acks((BootAck(1, 1),)))

    assert len(core.outbox) == 0


def test_batches_are_held_back_while_no_collector_listens() -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)
    heard(core, core.topics.collector_state, CollectorState(listening=False))

    held = core.on_connected(2.0)
    sent = heard(core, core.topics.collector_state, CollectorState(listening=True), now_s=3.0)

    assert sending(batch(0)) not in held
    assert sent == [sending(batch(0))]


def test_a_lost_link_sends_nothing_and_says_nothing() -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)
    core.on_connected(0.0)

    assert core.on_disconnected() == []
    assert core.on_timer(30.0, START_UNIX_S + 30.0) == []
