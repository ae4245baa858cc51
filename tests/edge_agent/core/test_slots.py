"""A slot changes only as its table says, and remembers whether its version was ever good."""

import itertools

import pytest

from edge_agent.core.slots import (
    TRANSITIONS,
    InvalidTransitionError,
    Slot,
    SlotEvent,
    SlotState,
)

LIFE = {
    ("empty", "download"): "downloading",
    ("downloading", "fetched"): "verifying",
    ("downloading", "fail"): "bad",
    ("downloading", "clear"): "empty",
    ("verifying", "verified"): "ready",
    ("verifying", "damaged"): "downloading",
    ("verifying", "fail"): "bad",
    ("verifying", "clear"): "empty",
    ("ready", "start_shadow"): "shadow",
    ("ready", "start_trial"): "trial",
    ("ready", "confirm"): "active",
    ("ready", "damaged"): "downloading",
    ("ready", "fail"): "bad",
    ("ready", "clear"): "empty",
    ("shadow", "stop_shadow"): "ready",
    ("shadow", "start_trial"): "trial",
    ("shadow", "fail"): "bad",
    ("shadow", "clear"): "empty",
    ("trial", "confirm"): "active",
    ("trial", "retire"): "ready",
    ("trial", "fail"): "bad",
    ("active", "retire"): "ready",
    ("active", "damaged"): "downloading",
    ("active", "fail"): "bad",
    ("bad", "clear"): "empty",
}
"""The table once more, in the words that people and the cloud read."""

every_pair = pytest.mark.parametrize(
    ("state", "event"), list(itertools.product(SlotState, SlotEvent))
)


@every_pair
def test_every_event_in_every_state_is_in_the_table_or_refused(
    state: SlotState, event: SlotEvent
) -> None:
    slot = Slot("A", state)
    expected = LIFE.get((state.value, event.value))

    if expected is not None:
        assert slot.handle(event) is SlotState(expected)
        assert slot.state is SlotState(expected)
    else:
        with pytest.raises(InvalidTransitionError) as refused:
            slot.handle(event)
        assert (refused.value.state, refused.value.event) == (state, event)
        assert slot.state is state


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(TRANSITIONS) == set(SlotState)


def test_a_refusal_says_what_is_possible_instead() -> None:
    slot = Slot("B", SlotState.TRIAL)
    slot.handle(SlotEvent.FAIL)

    with pytest.raises(
        InvalidTransitionError, match=r"slot 'B' is bad: 'start_trial' refused \(can: clear\)"
    ):
        slot.handle(SlotEvent.START_TRIAL)


def test_nothing_but_a_new_download_leads_out_of_bad() -> None:
    reached = {SlotState.BAD}

    for _ in SlotState:
        reached |= {
            after
            for state in reached
            for event, after in TRANSITIONS[state].items()
            if event is not SlotEvent.DOWNLOAD
        }

    assert reached == {SlotState.BAD, SlotState.EMPTY}


def test_clearing_forgets_the_content() -> None:
    slot = Slot("A", SlotState.READY)
    slot.version, slot.digest, slot.detail = "1.0.0", "sha256:aa", "damaged"
    slot.good = True

    slot.handle(SlotEvent.CLEAR)

    assert (slot.version, slot.digest, slot.detail) == ("", "", "")
    assert not slot.good


def test_a_version_is_good_once_it_was_confirmed_until_it_fails() -> None:
    slot = Slot("A", SlotState.TRIAL)
    before = slot.good
    slot.handle(SlotEvent.CONFIRM)
    slot.handle(SlotEvent.RETIRE)
    retired = slot.good
    slot.handle(SlotEvent.DAMAGED)
    damaged = slot.good
    slot.handle(SlotEvent.FAIL)

    assert (before, retired, damaged, slot.good) == (False, True, True, False)


def test_restarts_are_counted_from_the_last_change() -> None:
    slot = Slot("A", SlotState.VERIFYING)
    slot.restarts = 2

    slot.handle(SlotEvent.VERIFIED)

    assert slot.restarts == 0


@pytest.mark.parametrize("state", SlotState)
def test_a_slot_serves_on_trial_and_when_active_only(state: SlotState) -> None:
    assert Slot("A", state).serves == (state.value in ("trial", "active"))
