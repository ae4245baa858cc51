"""Whatever the link loses, repeats or reorders, and whoever dies when: each row is merged once."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.agent_world import Fault, World

STEPS = st.lists(st.tuples(st.sampled_from(Fault), st.integers(0, 4)), max_size=60)
"""What happens, in order; see :class:`Fault` for what the numbers mean."""

WINDOW = (Fault.WAIT, 4)
REFUSED_THEN_SAVED = [
    (Fault.DISK_FULL, 0),
    (Fault.OBSERVE, 2),
    WINDOW,
    (Fault.DISK_OK, 0),
    (Fault.OBSERVE, 1),
    WINDOW,
    (Fault.POWER_CUT, 0),
]
MERGED_THEN_CUT = [
    *[(Fault.OBSERVE, 1), WINDOW] * 9,
    (Fault.CUT_AFTER_SAVE, 0),
    *[(Fault.OBSERVE, 1), WINDOW] * 2,
]


DUE_WHEN_IT_IS_FORGOTTEN = [
    *[(Fault.OBSERVE, 1), WINDOW] * 2,
    (Fault.OBSERVE, 1),
    (Fault.WAIT, 2),
] * 2


def lived(steps: list[tuple[Fault, int]], *, outbox_bytes: int = 1_000_000) -> World:
    world = World(outbox_bytes)
    for fault, n in steps:
        world.suffer(fault, n)
    world.settle()
    return world


@settings(max_examples=250)
@given(steps=STEPS)
@example(steps=REFUSED_THEN_SAVED)
@example(steps=MERGED_THEN_CUT)
def test_every_row_is_merged_exactly_once(steps: list[tuple[Fault, int]]) -> None:
    world = lived(steps)

    assert [world.warehouse.times_merged(row) for row in range(world.rows)] == [1] * world.rows
    assert world.warehouse.lost_rows == 0
    assert world.disk.payloads == {}


FIRST_OF_TWO_IS_MERGED = [
    (Fault.DELIVER, 0),
    (Fault.COMMIT, 0),
    (Fault.LOSE_ACK, 0),
    (Fault.LOSE, 0),
    (Fault.POWER_CUT, 0),
    (Fault.DISK_OK, 0),
    *[(Fault.OBSERVE, 1), WINDOW] * 8,
]
SENT_THEN_CUT = [
    *[(Fault.OBSERVE, 1), WINDOW] * 2,
    (Fault.LINK_UP, 0),
    (Fault.WAIT, 0),
    *FIRST_OF_TWO_IS_MERGED,
]
SENT_WITH_A_FULL_DISK_THEN_CUT = [
    *[(Fault.OBSERVE, 1), WINDOW] * 2,
    (Fault.DISK_FULL, 0),
    (Fault.LINK_UP, 0),
    (Fault.WAIT, 0),
    *FIRST_OF_TWO_IS_MERGED,
]


@settings(max_examples=250)
@given(steps=STEPS)
@example(steps=SENT_THEN_CUT)
@example(steps=SENT_WITH_A_FULL_DISK_THEN_CUT)
def test_what_was_never_sent_is_merged_after_a_restart_and_still_counted_once(
    steps: list[tuple[Fault, int]],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_agent.core.reach._OUT_OF_REACH_S", 0.0)
        world = lived(steps, outbox_bytes=600)

    times = [world.warehouse.times_merged(row) for row in range(world.rows)]
    assert max(times, default=0) <= 1
    assert times.count(0) <= world.warehouse.lost_rows
    assert world.disk.payloads == {}


@settings(max_examples=250)
@given(steps=STEPS)
@example(steps=REFUSED_THEN_SAVED)
@example(steps=MERGED_THEN_CUT)
@example(steps=DUE_WHEN_IT_IS_FORGOTTEN)
def test_a_full_outbox_loses_no_row_in_silence_and_merges_none_twice(
    steps: list[tuple[Fault, int]],
) -> None:
    world = lived(steps, outbox_bytes=600)

    times = [world.warehouse.times_merged(row) for row in range(world.rows)]
    assert max(times, default=0) <= 1
    assert times.count(0) <= world.warehouse.lost_rows
    assert world.disk.payloads == {}
