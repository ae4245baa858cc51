"""Answers while one version takes the place of another."""

import threading
from concurrent.futures import ThreadPoolExecutor

from edge_agent.adapters.inputs import Rows
from edge_agent.agent import Agent
from edge_agent.prediction import Prediction
from edge_agent.serving.batching import BatchLimits
from edge_contract.package import Manifest
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import DIGITS_INFER, HeldAgent, ServeAgent, digits_input
from tests.support.packages import digits, reversed_digits


class ChangingAgent(HeldAgent):
    """Says what one agent serves and predicts with another: a switch between the two steps."""

    def __init__(self, before: Agent, after: Agent) -> None:
        super().__init__(after)
        self._before = before

    @property
    def manifest(self) -> Manifest | None:
        return self._before.manifest

    def predict(self, rows: Rows) -> Prediction:
        return self._agent.predict(rows)


def test_an_answer_names_the_version_that_gave_it_and_one_asked_for_is_never_another(
    agent: Agent, make_agent: MakeAgent, serve: ServeAgent
) -> None:
    later = make_agent(digits("1.1.0").package, folder="later", device="cam-8")
    later.wait_ready()
    ask = serve(ChangingAgent(agent, later))

    any_version = ask.infer(DIGITS_INFER, inputs=[digits_input()])
    that_version = ask.infer("/v2/models/digits/versions/1.0.0/infer", inputs=[digits_input()])

    assert (any_version.status, any_version.json["model_version"]) == (200, "1.1.0")
    assert that_version.status == 503
    assert "digits@1.1.0 has answered in place of version '1.0.0'" in that_version.error


class SwitchingAgent(HeldAgent):
    """Serves one agent's version or another's, as the test turns it."""

    def turn(self, agent: Agent) -> None:
        self._agent = agent

    def predict(self, rows: Rows) -> Prediction:
        return self._agent.predict(rows)


def test_every_answer_of_joined_requests_is_of_the_version_that_it_names(
    agent: Agent, make_agent: MakeAgent, serve: ServeAgent
) -> None:
    other = make_agent(reversed_digits().package, folder="other", device="cam-9")
    other.wait_ready()
    switching = SwitchingAgent(agent)
    ask = serve(switching, batches=BatchLimits(delay_s=0.002))
    said = {
        agent.version: _labels(agent.predict(digits().rows[:50])),
        other.version: _labels(other.predict(digits().rows[:50])),
    }
    is_over = threading.Event()

    def work(worker: int) -> set[str]:
        versions: set[str] = set()
        for row in range(worker, 50):
            told = ask.infer(DIGITS_INFER, inputs=[digits_input(slice(row, row + 1))])
            version = str(told.json["model_version"])
            assert told.data["label"] == [said[version][row]]
            versions.add(version)
        return versions

    def switch() -> None:
        while not is_over.wait(0.003):
            switching.turn(other if switching.manifest is agent.manifest else agent)

    with ThreadPoolExecutor(7) as pool:
        switcher = pool.submit(switch)
        try:
            seen = set().union(*pool.map(work, range(6)))
        finally:
            is_over.set()
        switcher.result(10.0)

    assert seen == {"1.0.0", "9.9.9"}
    assert agent.rows_observed() + other.rows_observed() == 100 + sum(range(45, 51))


def _labels(prediction: Prediction) -> list[object]:
    assert prediction.labels is not None
    return list(prediction.labels.tolist())


def test_an_agent_tells_what_it_serves(agent: Agent) -> None:
    assert agent.model == "digits"
    assert agent.manifest is not None
    assert agent.manifest.reference == "digits@1.0.0"
