"""An agent of several models on this machine."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_contract.errors import UnavailableError, UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import binary, digits, regression, words


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    agent = make_agent([digits().package, words().package])
    agent.wait_ready()
    return agent


def test_each_model_answers_by_its_name(agent: Agent) -> None:
    assert list(agent.models) == ["digits", "trees"]
    assert agent["digits"].predict(digits().rows[:2]).model == "digits@1.0.0"
    answer = agent["trees"].predict(words().rows[:5]).labels
    assert answer is not None
    assert answer.tolist() == words().labels[:5].tolist()
    assert (agent["trees"].version, agent.version) == ("1.0.0", "1.0.0, 1.0.0")


def test_a_call_that_names_no_model_says_how_to(agent: Agent) -> None:
    said = r"agent 'cam-7' runs the models digits, trees: say which one, like agent\['digits'\]"
    with pytest.raises(UsageError, match=rf"{said}\.predict"):
        agent.predict(digits().rows[:1])
    with pytest.raises(UsageError, match=rf"{said}\.manifest"):
        _ = agent.manifest
    with pytest.raises(UsageError, match=r"runs no model 'gate' \(it runs 'digits', 'trees'\)"):
        _ = agent["gate"]
    with pytest.raises(UsageError, match=said):
        asyncio.run(agent.apredict(digits().rows[:1]))


def test_an_agent_of_one_model_is_that_model(make_agent: MakeAgent) -> None:
    agent = make_agent(digits().package)

    assert agent["digits"] is agent
    assert dict(agent.models) == {"digits": agent}


def test_rows_of_all_models_are_counted_by_package_in_one_outbox(
    make_agent: MakeAgent, tmp_path: Path
) -> None:
    agent = make_agent([digits().package, regression().package])
    agent.wait_ready()

    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            threads.submit(agent["digits"].predict, digits().rows[:3])
            threads.submit(agent["sum"].predict, [[1.0, 2.0]])
    agent.close()

    with closing(SqliteBatchStore(tmp_path / "state" / "agent.db", wait_s=0.0)) as store:
        batches = store.batches()
    rows = {digits().package.digest: 0, regression().package.digest: 0}
    for batch in batches:
        for entry in batch.entries:
            rows[entry.package] += entry.counters.rows
    assert rows == {digits().package.digest: 60, regression().package.digest: 20}
    assert {batch.batch_id.device for batch in batches} == {"cam-7"}
    assert len({batch.batch_id for batch in batches}) == len(batches)


def test_a_truth_finds_its_model_by_its_identifier(agent: Agent) -> None:
    digit = agent["digits"].predict(digits().rows[:1])
    tree = agent["trees"].predict(words().rows[:1])

    assert agent.label(tree.id, words().labels[0]) == 1
    assert agent["trees"].label(digit.id, digits().labels[0]) == 1


def test_both_answer_from_event_loops(agent: Agent) -> None:
    async def ask() -> list[str]:
        answers = await asyncio.gather(
            agent["digits"].apredict(digits().rows[:1]), agent["trees"].apredict(words().rows[:1])
        )
        return [answer.model for answer in answers]

    assert asyncio.run(ask()) == ["digits@1.0.0", "trees@1.0.0"]


def test_a_model_that_is_not_here_yet_does_not_hold_up_the_other(make_agent: MakeAgent) -> None:
    agent = make_agent([digits().package, "gate"], ready_timeout_s=0.3)

    assert len(agent["digits"].predict(np.zeros((1, 64), np.float32))) == 1
    with pytest.raises(UnavailableError, match="no version of model 'gate' is on device 'cam-7'"):
        agent["gate"].predict([[1.0]])
    with pytest.raises(UnavailableError, match="'gate'"):
        agent.wait_ready(0.1)
    assert agent.version == "1.0.0, "


def test_all_models_are_there_again_after_a_restart(make_agent: MakeAgent) -> None:
    make_agent([digits().package, words().package]).close()

    again = make_agent(["trees", "digits"])

    assert again.wait_ready() == "1.0.0, 1.0.0"
    again.close()
    with pytest.raises(UsageError, match="agent 'cam-7' is closed"):
        again["trees"].predict(words().rows[:1])
    with pytest.raises(UsageError, match="agent 'cam-7' is closed"):
        again.predict(words().rows[:1])


def test_models_that_do_not_go_together_are_refused(make_agent: MakeAgent) -> None:
    with pytest.raises(UsageError, match="model 'digits' is given twice"):
        make_agent([digits().package, "digits"])
    with pytest.raises(UsageError, match="no model is given"):
        make_agent([])
    with pytest.raises(UsageError, match="is a name, a path or a package, got int 3"):
        make_agent(["digits", 3])
    with pytest.raises(UsageError, match="model 'faces' is no package file"):
        Agent([binary().package, "faces"])
