"""Models whose inputs are float64 get every digit over HTTP, too."""

import json

import numpy as np
import pytest

from edge_agent.agent import Agent
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import ServeAgent
from tests.support.packages import seconds

INFER = "/v2/models/minutes/infer"


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    agent = make_agent(seconds().package)
    agent.wait_ready()
    return agent


def test_the_protocol_takes_fp64_as_json_and_as_bytes(agent: Agent, serve: ServeAgent) -> None:
    rows = seconds().rows.to_numpy()
    ask = serve(agent)
    tensor = {"name": "X", "datatype": "FP64", "shape": list(rows.shape)}
    head = json.dumps({"inputs": [{**tensor, "parameters": {"binary_data_size": rows.nbytes}}]})

    told = ask("GET", "/v2/models/minutes").json
    by_json = ask.infer(INFER, inputs=[{**tensor, "data": rows.tolist()}])
    length = {"Inference-Header-Content-Length": str(len(head))}
    by_bytes = ask("POST", INFER, head.encode() + rows.tobytes(), length)

    assert told["inputs"] == [{"name": "X", "datatype": "FP64", "shape": [-1, 2]}]
    assert by_json.data["label"] == by_bytes.data["label"] == seconds().labels.tolist()


def test_fp32_is_taken_for_what_it_is(agent: Agent, serve: ServeAgent) -> None:
    rows = seconds().rows.to_numpy().astype(np.float32)
    tensor = {"name": "X", "datatype": "FP32", "shape": list(rows.shape), "data": rows.tolist()}

    told = serve(agent).infer(INFER, inputs=[tensor])

    labels = agent.predict(rows).labels
    assert labels is not None
    assert told.data["label"] == labels.tolist()
