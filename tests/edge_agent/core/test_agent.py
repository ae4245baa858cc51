"""The agent's core as its shell sees it: inputs in, effects out, in the right order."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import pytest

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import (
    CollectWindows,
    Effect,
    FetchPackage,
    LoadPackage,
    Log,
    PublishBatch,
    Route,
    SaveBatches,
    SaveState,
    SendEvent,
)
from edge_contract.errors import PackageError, UsageError
from edge_contract.messages import (
    Acks,
    Assignment,
    Birth,
    BootAck,
    CollectorState,
    Command,
    Death,
    DesiredState,
    Message,
    Report,
    encode,
)
from edge_contract.reading import JsonObject
from tests.support.agent_batches import batch, bulky_state, entry, rows_of
from tests.support.agent_slots import V1, V2
from tests.support.telemetry import counting_package, window_of

START_UNIX_S = 1_800_000_000.0


config_of = partial(AgentConfig, fleet="f1", device="cam-7", model="digits")
CONFIG = config_of(agent_version="0.1.0", facts={"cpus": 4}, tags={"site": "oslo"})


def started(*, boot: int = 3, state: JsonObject | None = None) -> AgentCore:
    core = AgentCore(CONFIG, boot, state=state)
    core.on_start(0.0, START_UNIX_S)
    return core


def heard(core: AgentCore, topic: str, message: Message, *, now_s: float = 1.0) -> Sequence[Effect]:
    return core.on_message(topic, encode(message), now_s=now_s, at_unix_s=START_UNIX_S + now_s)


def told(effects: Sequence[Effect]) -> list[Message]:
    return [effect.message for effect in effects if isinstance(effect, SendEvent)]


def states(effects: Sequence[Effect]) -> list[JsonObject]:
    return [effect.state for effect in effects if isinstance(effect, SaveState)]


def wishing(*, generation: int = 1, interval_s: float = 0.0, **wishes: Assignment) -> DesiredState:
    return DesiredState(generation, wishes, "http://packages", interval_s)


def serving(core: AgentCore) -> None:
    """Let the core install 1.0.0."""
    heard(core, core.topics.desired, wishing(digits=Assignment(V1)))
    core.on_fetched(V1.digest, 2.0)
    core.on_loaded(V1.digest, "CPU", 3.0)


# A life.


def test_a_connected_agent_is_born_reports_and_sends_what_waits() -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0, 1.0)])
    core.on_start(0.0, START_UNIX_S)

    birth, report, publish = core.on_connected(5.0)

    assert birth == SendEvent(
        Birth(
            "cam-7",
            3,
            START_UNIX_S,
            clean=True,
            agent_version="0.1.0",
            facts={"cpus": 4},
            tags={"site": "oslo"},
        )
    )
    assert isinstance(report, SendEvent)
    assert isinstance(report.message, Report)
    assert report.message.waiting_batches == 1
    assert publish == PublishBatch(batch(0, 1.0))


def test_every_report_has_the_next_number() -> None:
    core = started()

    reports = [m for _ in range(3) for m in told(core.on_connected(0.0)) if isinstance(m, Report)]

    assert [report.number for report in reports] == [1, 2, 3]
    assert {report.boot for report in reports} == {3}


def test_the_next_birth_tells_that_a_life_was_cut_off() -> None:
    core = AgentCore(CONFIG, 3)
    (state,) = states(core.on_start(0.0, START_UNIX_S))

    (birth, _) = told(started(boot=4, state=state).on_connected(0.0))

    assert isinstance(birth, Birth)
    assert not birth.clean


def test_the_next_birth_tells_that_a_life_ended_on_purpose() -> None:
    core = started()
    closing = core.on_close()
    (state,) = states(closing)

    (birth, _) = told(started(boot=4, state=state).on_connected(0.0))

    assert closing[0] == CollectWindows()
    assert isinstance(birth, Birth)
    assert birth.clean


def test_every_birth_of_a_life_tells_the_same() -> None:
    core = started()

    first, again = told(core.on_connected(0.0))[0], told(core.on_connected(9.0))[0]

    assert first == again


def test_the_will_and_the_farewell_name_the_life() -> None:
    core = started()

    assert core.last_will == Death("cam-7", 3, "lost")
    assert core.farewell == Death("cam-7", 3, "closed")


# What survives.


def test_the_journal_is_written_before_anything_is_done_and_reported_after_it() -> None:
    core = started()

    effects = heard(core, core.topics.desired, wishing(digits=Assignment(V1)))

    kinds = [type(effect) for effect in effects]
    assert kinds == [SaveState, FetchPackage, SendEvent]
    loading = core.on_fetched(V1.digest, 2.0)
    assert [type(effect) for effect in loading] == [SaveState, LoadPackage, SendEvent]
    routing = core.on_loaded(V1.digest, "CPU", 3.0)
    assert isinstance(routing[0], SaveState)
    assert routing[1] == Route(V1.digest)
    assert isinstance(routing[-1], SendEvent)


def test_nothing_is_written_or_reported_when_nothing_changes() -> None:
    core = started()
    serving(core)

    assert core.on_calls(V1.digest, 10, 0, 4.0) == []
    assert core.on_fetched(V1.digest, 4.0) == []
    assert core.on_timer(4.0, START_UNIX_S + 4.0) == []


def test_a_restarted_agent_goes_on_from_its_journal() -> None:
    core = started()
    serving(core)
    state = json.loads(json.dumps(core.to_json()))

    restarted = AgentCore(CONFIG, 4, state=state)
    save, *effects = restarted.on_start(0.0, START_UNIX_S)

    assert isinstance(save, SaveState)
    assert effects == [LoadPackage(V1.digest)]
    assert restarted.generation == 1


def test_what_serves_after_a_restart_is_reported_as_soon_as_it_does() -> None:
    core = started()
    serving(core)
    core = started(boot=4, state=core.to_json())

    effects = core.on_loaded(V1.digest, "CPU", 1.0)

    (report,) = told(effects)
    assert isinstance(report, Report)
    assert report.models["digits"].serving == V1.digest


def test_a_journal_that_the_store_refused_is_written_again_after_a_while() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(digits=Assignment(V1)))

    logs = core.on_state_save_failed("disk full", 10.0)
    early = core.on_timer(14.9, START_UNIX_S + 14.9)
    late = core.on_timer(15.0, START_UNIX_S + 15.0)

    assert logs == [Log("warning", "disk full; trying again in 5 s")]
    assert core.wake_at_s > 15.0
    assert early == []
    assert states(late) == [core.to_json()]


def test_the_state_of_another_model_is_refused() -> None:
    state = started().to_json()
    config = config_of(model="faces")

    with pytest.raises(UsageError, match="belongs to model 'digits', not 'faces': use another"):
        AgentCore(config, 4, state=state)


@pytest.mark.parametrize("earlier", [3, 5])
def test_a_life_with_the_number_of_an_earlier_one_is_refused(earlier: int) -> None:
    """Its batches would have the names of others, and the collector would take them for known."""
    message = f"begins life 3, but its store holds batches of life {earlier}"

    with pytest.raises(UsageError, match=message):
        AgentCore(CONFIG, 3, restored=[batch(0, boot=1), batch(0, boot=earlier)])


@pytest.mark.parametrize("field", ["generation", "clean", "model", "deployer"])
def test_a_damaged_state_is_refused_with_its_place(field: str) -> None:
    state = {key: value for key, value in started().to_json().items() if key != field}

    with pytest.raises(PackageError, match=f"agent state.{field} is missing"):
        AgentCore(CONFIG, 4, state=state)


# Telemetry.


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
    assert publish == PublishBatch(save.batches[0])
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
    assert core.on_saved(save, 15.0) == [PublishBatch(save.batches[0])]


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
    assert PublishBatch(batch(0)) not in first
    assert then == [PublishBatch(batch(0))]


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

    assert PublishBatch(batch(0)) not in held
    assert sent == [PublishBatch(batch(0))]


def test_a_lost_link_sends_nothing_and_says_nothing() -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)
    core.on_connected(0.0)

    assert core.on_disconnected() == []
    assert core.on_timer(30.0, START_UNIX_S + 30.0) == []


# The desired state.


def test_an_older_desired_state_is_ignored() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(generation=7, digits=Assignment(V1)))

    effects = heard(core, core.topics.desired, wishing(generation=6, digits=Assignment(V2)))

    assert effects == []
    assert core.generation == 7


def test_the_same_desired_state_again_is_answered_with_a_report() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(generation=7, digits=Assignment(V1)))

    effects = heard(core, core.topics.desired, wishing(generation=7, digits=Assignment(V1)))

    (report,) = told(effects)
    assert len(effects) == 1
    assert isinstance(report, Report)
    assert report.generation == 7


def test_a_desired_state_without_this_model_ends_its_shadow_and_keeps_it_serving() -> None:
    core = started()
    serving(core)
    heard(core, core.topics.desired, wishing(generation=2, digits=Assignment(V1, V2)))
    core.on_fetched(V2.digest, 4.0)
    core.on_loaded(V2.digest, "CPU", 5.0)

    effects = heard(core, core.topics.desired, wishing(generation=3))

    assert Route(V1.digest) in effects


def test_the_cloud_sets_the_length_of_windows() -> None:
    core = started()

    heard(core, core.topics.desired, wishing(interval_s=5.0))

    assert core.interval_s == 5.0
    assert core.wake_at_s <= 1.0 + 5.0 + 0.5


def test_the_same_length_of_windows_again_does_not_move_their_end() -> None:
    core = started()
    end_s = core.wake_at_s

    heard(core, core.topics.desired, wishing(interval_s=60.0), now_s=58.0)

    assert core.wake_at_s == end_s


@pytest.mark.parametrize("interval_s", [1e-9, 0.09, 86_401.0, 1e300])
def test_a_length_of_windows_that_makes_no_sense_is_ignored_and_the_rest_done(
    interval_s: float,
) -> None:
    core = started()

    effects = heard(
        core, core.topics.desired, wishing(interval_s=interval_s, digits=Assignment(V1))
    )

    assert core.interval_s == 60.0
    assert FetchPackage(V1.digest, "http://packages") in effects
    (warning,) = [effect.text for effect in effects if isinstance(effect, Log)]
    assert warning.startswith("ignored a part of the desired state: telemetry interval must be")


def test_a_length_of_windows_of_zero_leaves_it_as_it_is() -> None:
    core = started()
    heard(core, core.topics.desired, wishing(interval_s=5.0))

    heard(core, core.topics.desired, wishing(generation=2, interval_s=0.0))

    assert core.interval_s == 5.0


# What comes in wrong.


@pytest.mark.parametrize(
    "payload", [b"", b"\x01garbage", b"\x02", b"{}", encode(Acks())[:-3], b"\xff" * 100]
)
def test_garbage_is_logged_and_changes_nothing(payload: bytes) -> None:
    core = started()
    before = core.to_json()

    (log,) = core.on_message(core.topics.desired, payload, now_s=1.0, at_unix_s=START_UNIX_S)

    assert isinstance(log, Log)
    assert log.level == "warning"
    assert log.text.startswith("ignored a message on 'ef1/f1/d/cam-7': ")
    assert core.to_json() == before


@pytest.mark.parametrize(
    "message", [Acks((BootAck(1, 1),)), CollectorState(listening=False), wishing(generation=9)]
)
def test_a_message_on_the_wrong_topic_is_logged_and_forgotten(message: Message) -> None:
    core = AgentCore(CONFIG, 3, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)

    effects = heard(core, core.topics.commands, message)

    kind = type(message).__name__
    assert effects == [Log("warning", f"ignored {kind} on 'ef1/f1/c/cam-7'")]
    assert core.generation == 0
    assert PublishBatch(batch(0)) in core.on_connected(2.0)


def test_a_command_on_the_wrong_topic_is_logged_and_not_done() -> None:
    core = started()

    effects = heard(core, core.topics.acks, Command("c1", "ping", START_UNIX_S + 60.0))

    assert effects == [Log("warning", "ignored Command on 'ef1/f1/a/cam-7'")]


def test_a_message_that_devices_do_not_hear_is_logged_and_forgotten() -> None:
    core = started()

    effects = heard(core, core.topics.desired, core.farewell)

    assert effects == [Log("warning", "ignored Death on 'ef1/f1/d/cam-7'")]


# Who it is.


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (partial(config_of, model="../digits"), "model name '../digits' is not allowed"),
        (partial(config_of, interval_s=0.01), "must be from 0.1 to 86400 s, got 0.01"),
        (partial(config_of, tags={"site": "x" * 300}), "itself: .*site is .*at most 256"),
        (partial(config_of, facts={"load": math.nan}), "introduce itself: .*cannot be encoded"),
        (partial(config_of, agent_version="1" * 65), "at most 64 characters; check its name"),
        (partial(config_of, device="all cams"), "device 'all cams' cannot introduce itself"),
    ],
)
def test_an_agent_that_the_cloud_could_not_understand_is_refused(
    config: Callable[[], AgentConfig], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        config()


def test_a_reserved_device_name_is_refused() -> None:
    with pytest.raises(UsageError, match="device name 'all' is reserved"):
        AgentCore(config_of(device="all"), 1)
