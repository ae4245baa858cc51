"""Every state machine moves as its table says, or refuses."""

import enum
import itertools
from collections.abc import Mapping

import pytest

from cloud_sync.core.rollout import execution_life, rollout_life, stage_life
from cloud_sync.core.rollout.execution_life import ExecutionEvent, ExecutionState
from cloud_sync.core.rollout.rollout_life import RolloutEvent, RolloutState
from cloud_sync.core.rollout.stage_life import StageEvent, StageState
from cloud_sync.core.rollout.transitions import InvalidTransitionError, moved

Table = Mapping[enum.Enum, Mapping[enum.Enum, enum.Enum]]

MACHINES: list[tuple[Table, type[enum.Enum], type[enum.Enum]]] = [
    (rollout_life.TRANSITIONS, RolloutState, RolloutEvent),  # type: ignore[list-item]
    (stage_life.TRANSITIONS, StageState, StageEvent),  # type: ignore[list-item]
    (execution_life.TRANSITIONS, ExecutionState, ExecutionEvent),  # type: ignore[list-item]
]
CASES = [
    (table, state, event)
    for table, states, events in MACHINES
    for state, event in itertools.product(states, events)
]


@pytest.mark.parametrize(("table", "state", "event"), CASES)
def test_every_event_in_every_state_is_in_the_table_or_refused(
    table: Table, state: enum.Enum, event: enum.Enum
) -> None:
    if event in table[state]:
        assert moved(table, state, event, what="it") is table[state][event]
    else:
        with pytest.raises(InvalidTransitionError, match="refused"):
            moved(table, state, event, what="it")


@pytest.mark.parametrize(("table", "states", "events"), MACHINES)
def test_every_state_can_be_reached(
    table: Table, states: type[enum.Enum], events: type[enum.Enum]
) -> None:
    reached = {next(iter(states))}
    for _ in states:
        reached |= {after for state in reached for after in table[state].values()}

    assert reached == set(states)
    assert {event for ways in table.values() for event in ways} == set(events)


def test_no_way_leads_out_of_an_ended_rollout() -> None:
    ended = {RolloutState(word) for word in ("succeeded", "aborted", "rolled_back", "superseded")}

    assert ended == rollout_life.ENDED


def test_a_failed_stage_passes_on_no_path_that_does_not_try_it_again() -> None:
    ways = stage_life.TRANSITIONS[StageState.FAILED]

    assert ways == {StageEvent.RETRY: StageState.DISPATCHING}


def test_a_stage_passes_by_its_analysis_or_by_a_person() -> None:
    ways = {
        (state, event)
        for state, events in stage_life.TRANSITIONS.items()
        for event, after in events.items()
        if after is StageState.PASSED
    }

    assert ways == {
        (StageState.ANALYSING, StageEvent.PASS),
        (StageState.INCONCLUSIVE, StageEvent.OVERRULE),
    }


def test_a_refusal_names_the_thing_and_what_it_can_do() -> None:
    with pytest.raises(
        InvalidTransitionError,
        match=r"rollout 'r1' is scheduled: 'resume' refused \(can: start, abort, supersede\)",
    ):
        moved(
            rollout_life.TRANSITIONS,
            RolloutState.SCHEDULED,
            RolloutEvent.RESUME,
            what="rollout 'r1'",
        )
