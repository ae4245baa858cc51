"""A life that was never connected writes that down, and takes it back before it sends anything."""

from collections.abc import Sequence

from edge_agent.core.agent import AgentCore
from edge_agent.core.effects import Effect, PublishBatch, SaveState
from edge_contract.reading import JsonObject
from tests.support.agent_batches import batch
from tests.support.agent_core import CONFIG, START_UNIX_S, states


def started(*, boot: int = 3, state: JsonObject | None = None) -> AgentCore:
    core = AgentCore(CONFIG, boot, state=state, restored=[batch(0)])
    core.on_start(0.0, START_UNIX_S)
    return core


def unsent_since(effects: Sequence[Effect]) -> object:
    """What the latest journal says."""
    return states(effects)[-1]["unsent_since"]


def published(effects: Sequence[Effect]) -> int:
    return sum(isinstance(effect, PublishBatch) for effect in effects)


def offline() -> JsonObject:
    """The journal of a life that was out of reach for ten minutes."""
    core = started()
    assert states(core.on_windows([], {}, 599.0)) == []
    (journal,) = states(core.on_windows([], {}, 600.0))
    return journal


def test_after_ten_minutes_out_of_reach_the_journal_says_so() -> None:
    assert offline()["unsent_since"] == 3


def test_a_later_life_out_of_reach_leaves_it_as_it_is() -> None:
    core = started(boot=4, state=offline())

    core.on_windows([], {}, 900.0)

    assert core.to_json()["unsent_since"] == 3


def test_a_device_that_connects_at_once_writes_nothing_and_sends_at_once() -> None:
    core = started()

    effects = core.on_connected(1.0)
    core.on_windows([], {}, 9000.0)

    assert states(effects) == []
    assert published(effects) == 1
    assert core.to_json()["unsent_since"] is None


def test_it_is_taken_back_before_anything_is_sent() -> None:
    core = started(boot=4, state=offline())

    connected = core.on_connected(5.0)
    assert isinstance(connected[0], SaveState)
    assert unsent_since(connected) is None
    assert published(connected) == 0
    assert core.wake_at_s <= 5.0

    assert published(core.on_timer(5.0, START_UNIX_S + 5.0)) == 1


def test_while_the_disk_refuses_nothing_is_sent() -> None:
    core = started(boot=4, state=offline())
    core.on_connected(5.0)
    core.on_state_save_failed("the disk is full", 5.0)

    assert published(core.on_timer(6.0, START_UNIX_S + 6.0)) == 0
    again = core.on_timer(10.0, START_UNIX_S + 10.0)
    assert unsent_since(again) is None
    assert published(again) == 0
    core.on_state_save_failed("the disk is full", 10.0)
    assert published(core.on_timer(11.0, START_UNIX_S + 11.0)) == 0
    core.on_timer(15.0, START_UNIX_S + 15.0)

    assert published(core.on_timer(15.0, START_UNIX_S + 15.0)) == 1


def test_a_link_that_is_lost_again_before_that_sends_nothing() -> None:
    core = started(boot=4, state=offline())
    core.on_connected(5.0)
    core.on_disconnected()

    assert published(core.on_timer(6.0, START_UNIX_S + 6.0)) == 0
