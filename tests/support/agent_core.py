"""The agent's core of one camera, and what is heard and told, for tests."""

from collections.abc import Sequence
from functools import partial

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import (
    Effect,
    SaveState,
    SendEvent,
)
from edge_contract.messages import (
    Assignment,
    DesiredState,
    Message,
    encode,
)
from edge_contract.reading import JsonObject
from tests.support.agent_slots import V1

__all__ = [
    "CONFIG",
    "START_UNIX_S",
    "config_of",
    "heard",
    "serving",
    "started",
    "states",
    "told",
    "wishing",
]

START_UNIX_S = 1_800_000_000.0


config_of = partial(AgentConfig, fleet="f1", device="cam-7", models=("digits",))
CONFIG = config_of(agent_version="0.1.0", facts={"cpus": 4}, tags={"site": "oslo"})


def started(*, boot: int = 3, state: JsonObject | None = None) -> AgentCore:
    """A core in its third life, at second 0."""
    core = AgentCore(CONFIG, boot, state=state)
    core.on_start(0.0, START_UNIX_S)
    return core


def heard(core: AgentCore, topic: str, message: Message, *, now_s: float = 1.0) -> Sequence[Effect]:
    """What a message makes the core do."""
    return core.on_message(topic, encode(message), now_s=now_s, at_unix_s=START_UNIX_S + now_s)


def told(effects: Sequence[Effect]) -> list[Message]:
    """What is published as events."""
    return [effect.message for effect in effects if isinstance(effect, SendEvent)]


def states(effects: Sequence[Effect]) -> list[JsonObject]:
    """What is written to the journal."""
    return [effect.state for effect in effects if isinstance(effect, SaveState)]


def wishing(*, generation: int = 1, interval_s: float = 0.0, **wishes: Assignment) -> DesiredState:
    """A desired state."""
    return DesiredState(generation, wishes, "http://packages", interval_s)


def serving(core: AgentCore) -> None:
    """Let the core install 1.0.0."""
    heard(core, core.topics.desired, wishing(digits=Assignment(V1)))
    core.on_fetched(V1.digest, 2.0)
    core.on_loaded(V1.digest, "CPU", 3.0)
