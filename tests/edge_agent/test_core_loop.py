import logging
import threading
from collections.abc import Iterable, Iterator, Sequence

import pytest

from edge_agent.core.agent import AgentConfig, AgentCore
from edge_agent.core.effects import Effect, Log
from edge_agent.core_loop import CoreLoop
from edge_contract.errors import UsageError


class Told:
    """What a loop carried out, and on which thread."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.threads: set[str] = set()

    def carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Log):
                self.texts.append(effect.text)
                self.threads.add(threading.current_thread().name)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def loop(told: Told) -> Iterator[CoreLoop]:
    core = AgentCore(AgentConfig(fleet="lab", device="cam-7", models=("digits",)), boot=1)
    core.on_start(now_s=1e12, at_unix_s=0.0)  # its windows end in a far future
    loop = CoreLoop(core, carry_out=told.carry_out, watch=lambda _now_s: [])
    yield loop
    loop.close()


def says(text: str) -> Sequence[Effect]:
    return [Log("info", text)]


def test_inputs_are_taken_in_order_on_one_thread(loop: CoreLoop, told: Told) -> None:
    loop.put(lambda _now_s: says("before the start"))
    loop.start()
    for number in range(100):
        loop.put(lambda _now_s, number=number: says(str(number)))  # type: ignore[misc]
    loop.drain()

    assert told.texts == ["before the start", *map(str, range(100))]
    assert told.threads == {"edgefleet-agent"}


def refused(_now_s: float) -> Sequence[Effect]:
    raise UsageError("not so")


def defective(_now_s: float) -> Sequence[Effect]:
    raise ZeroDivisionError("a defect")


def test_an_input_that_fails_is_logged_and_the_next_one_is_taken(
    loop: CoreLoop, told: Told, caplog: pytest.LogCaptureFixture
) -> None:
    loop.start()
    with caplog.at_level(logging.WARNING):
        loop.put(refused)
        loop.put(defective)
        loop.put(lambda _now_s: says("goes on"))
        loop.drain()

    assert told.texts == ["goes on"]
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert caplog.records[0].message == "not so"
    assert "a defect in the agent: this input is lost" in caplog.records[1].message
    assert caplog.records[1].exc_info is not None


def test_the_thread_that_starts_the_loop_may_hand_in_inputs_itself(
    loop: CoreLoop, told: Told
) -> None:
    assert loop.attempt(lambda _now_s: says("at once")) is True
    assert loop.attempt(defective) is False
    loop.start()
    assert told.texts == ["at once"]
    assert told.threads == {threading.current_thread().name}
