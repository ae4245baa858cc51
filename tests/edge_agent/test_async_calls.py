"""Event loops get the same predictions, and are not held up by them."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_contract.errors import UsageError
from tests.support.packages import digits


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with Agent(digits().package, state=tmp_path) as agent:
        agent.wait_ready()
        yield agent


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "edgefleet-async" in thread.name]


def test_many_calls_at_once_get_their_own_answers(agent: Agent) -> None:
    async def all_of_them() -> list[object]:
        rows = digits().rows
        calls = [agent.apredict(rows[i : i + 1]) for i in range(200)]
        return [p.labels.item() for p in await asyncio.gather(*calls) if p.labels is not None]

    assert asyncio.run(all_of_them()) == digits().labels[:200].tolist()
    assert agent.rows_observed() == 200


def test_a_quick_model_answers_without_another_thread(agent: Agent) -> None:
    async def first_and_next() -> int:
        row = digits().rows[:1]
        await agent.apredict(row)
        assert len(names_of_threads()) == 1  # nobody knew yet how long it takes
        at_once = 0
        for _ in range(100):
            turns: list[int] = []
            asyncio.get_running_loop().call_soon(turns.append, 1)
            await agent.apredict(row)
            at_once += not turns  # the loop did not go on meanwhile
            await asyncio.sleep(0)
        return at_once

    assert asyncio.run(first_and_next()) > 50  # on a busy machine some take long


def test_many_rows_run_beside_the_loop_which_goes_on(agent: Agent) -> None:
    many = np.tile(digits().rows, (50, 1))

    async def count_meanwhile() -> int:
        turns = 0
        call = asyncio.ensure_future(agent.apredict(many))
        while not call.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert len(await call) == 30_000
        return turns

    assert asyncio.run(count_meanwhile()) >= 5


def test_a_call_that_is_cancelled_breaks_nothing(agent: Agent) -> None:
    many = np.tile(digits().rows, (20, 1))

    async def cancel_and_go_on() -> int:
        call = asyncio.ensure_future(agent.apredict(many))
        await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return len(await agent.apredict(digits().rows[:3]))

    assert asyncio.run(cancel_and_go_on()) == 3
    deadline_s = time.monotonic() + 10.0
    while agent.rows_observed() != 12_003 and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert agent.rows_observed() in (3, 12_003)  # it had begun, or it never did


def test_errors_are_those_of_predict(agent: Agent) -> None:
    with pytest.raises(UsageError, match="give 64 values a row"):
        asyncio.run(agent.apredict(np.zeros((1, 3), np.float32)))
    agent.close()
    with pytest.raises(UsageError, match="is closed: make a new one"):
        asyncio.run(agent.apredict(digits().rows[:1]))
