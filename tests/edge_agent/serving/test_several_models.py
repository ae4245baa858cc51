"""An agent of several models, asked by other processes."""

from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.serving.client import SocketClient
from edge_contract.errors import UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import DIGITS_INFER, ServeAgent, digits_input
from tests.support.packages import digits, words


@pytest.fixture
def several(make_agent: MakeAgent) -> Agent:
    agent = make_agent([digits().package, words().package])
    agent.wait_ready()
    return agent


def trees_input() -> dict[str, object]:
    table = words().rows[:2]
    return {"name": "X", "datatype": "FP32", "shape": list(table.shape), "data": table.tolist()}


def test_each_model_is_at_its_address(several: Agent, serve: ServeAgent) -> None:
    ask = serve(several)

    digit = ask.infer(DIGITS_INFER, inputs=[digits_input()])
    tree = ask.infer("/v2/models/trees/infer", inputs=[trees_input()])

    assert (digit.json["model_name"], tree.json["model_name"]) == ("digits", "trees")
    assert tree.data["label"] == words().labels[:2].tolist()
    assert ask("GET", "/v2/models/trees").json["name"] == "trees"
    assert ask("GET", "/v2/models/trees/ready").status == 200
    missing = ask.infer("/v2/models/gate/infer", inputs=[trees_input()])
    assert missing.status == 404
    assert missing.error == "there is no model 'gate' here: 'digits', 'trees' are"


def test_a_truth_may_come_to_any_of_them(several: Agent, serve: ServeAgent) -> None:
    ask = serve(several)
    told = ask.infer("/v2/models/trees/infer", inputs=[trees_input()])

    labelled = ask.infer(
        "/v2/models/trees/labels",
        prediction_id=told.prediction_id,
        truth=words().labels[:2].tolist(),
    )

    assert labelled.json == {"labelled": 2}


def test_the_server_lists_its_models_and_says_which_are_ready(
    make_agent: MakeAgent, serve: ServeAgent
) -> None:
    agent = make_agent([digits().package, "gate"])
    agent["digits"].wait_ready()
    ask = serve(agent)

    for told in (ask("GET", "/v2/models"), ask("POST", "/v2/repository/index")):
        assert told.body == (
            b'[{"name":"digits","version":"1.0.0","state":"READY","reason":""},'
            b'{"name":"gate","version":"","state":"UNAVAILABLE",'
            b'"reason":"no version of model \'gate\' serves yet"}]'
        )
    assert ask("GET", "/v2/health/ready").status == 503
    assert ask("GET", "/v2/models/digits/ready").status == 200
    assert ask("GET", "/v2/models/gate/ready").status == 503
    metrics = ask("GET", "/metrics").body.decode()
    assert 'edgefleet_agent_model_info{model="digits",version="1.0.0"} 1.0' in metrics
    assert 'edgefleet_agent_model_info{model="gate",version=""} 1.0' in metrics


def test_frames_name_their_model(several: Agent, serve: ServeAgent, socket_path: Path) -> None:
    serve(several, unix=socket_path)

    with SocketClient(socket_path, model="trees") as trees:
        answer = trees.infer({"X": words().rows[:2]})
        assert answer.outputs["label"].tolist() == words().labels[:2].tolist()
        assert trees.label(answer.prediction_id, words().labels[:2].tolist()) == 2
        assert trees.metadata()["name"] == "trees"
        assert trees.is_ready()
    with SocketClient(socket_path) as nobody:
        assert nobody.is_ready()
        with pytest.raises(UsageError, match="model_name is None: name one of 'digits', 'trees'"):
            nobody.infer({"X": np.zeros((1, 64), np.float32)})
    with (
        SocketClient(socket_path, model="gate") as gate,
        pytest.raises(UsageError, match="model_name is 'gate': name one of"),
    ):
        gate.metadata()
