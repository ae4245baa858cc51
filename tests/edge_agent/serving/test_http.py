"""The protocol over HTTP: a real server on loopback in this process."""

import sys
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.serving.client import SocketClient
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import DIGITS_INFER, ServeAgent, digits_input
from tests.support.packages import digits


class TestDescribing:
    def test_the_server_tells_its_name_and_what_it_adds_to_the_protocol(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        told = serve(agent)("GET", "/v2")

        assert told.status == 200
        assert told.json["name"] == "edgefleet"
        assert told.json["extensions"] == ["binary_tensor_data", "edgefleet_labels", "metrics"]

    @pytest.mark.parametrize("path", ["/v2/models/digits", "/v2/models/digits/versions/1.0.0"])
    def test_a_model_tells_what_it_takes_and_gives(
        self, agent: Agent, serve: ServeAgent, path: str
    ) -> None:
        told = serve(agent)("GET", path)

        assert told.status == 200
        assert told.json == {
            "name": "digits",
            "versions": ["1.0.0"],
            "platform": "onnx_onnxv1",
            "inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 64]}],
            "outputs": [
                {"name": "label", "datatype": "INT64", "shape": [-1]},
                {"name": "probabilities", "datatype": "FP32", "shape": [-1, 10]},
            ],
            "parameters": {"task": "multiclass", "classes": list(range(10))},
        }

    def test_the_server_is_live_without_a_model_and_ready_with_one(
        self, make_agent: MakeAgent, agent: Agent, serve: ServeAgent
    ) -> None:
        empty = make_agent("digits", cloud="mqtt://127.0.0.1:1", folder="empty")
        ask = serve(empty)

        assert ask("GET", "/v2/health/live").status == 200
        for path in ("/v2/health/ready", "/v2/models/digits/ready", "/v2/models/digits"):
            told = ask("GET", path)
            assert told.status == 503
            assert told.error == "no version of model 'digits' serves yet"
            assert told.headers["retry-after"] == "1"
        assert ask.infer(DIGITS_INFER, inputs=[digits_input()]).status == 503
        ready = serve(agent)
        assert ready("GET", "/v2/health/ready").status == 200
        assert ready("GET", "/v2/models/digits/ready").json == {"name": "digits", "ready": True}
        assert ready("HEAD", "/v2/health/ready").body == b""

    @pytest.mark.parametrize(
        ("method", "path", "status", "said"),
        [
            ("GET", "/", 404, "there is nothing at '/'"),
            ("GET", "/v2/models/trees", 404, "there is no model 'trees' here: 'digits' is"),
            ("POST", "/v2/models/trees/infer", 404, "no model 'trees'"),
            ("POST", "/v2/models/trees/labels", 404, "no model 'trees'"),
            ("GET", "/v2/models/digits/versions/2.0.0", 404, "'1.0.0' does"),
            ("POST", "/v2/models/digits/versions/2/infer", 404, "version '2' of model 'digits'"),
            ("GET", "/v2/models/digits/infer", 405, "takes POST, got GET"),
            ("DELETE", "/v2/models/digits", 405, "takes GET, got DELETE"),
        ],
    )
    def test_what_is_not_there_is_said(
        self, agent: Agent, serve: ServeAgent, method: str, path: str, status: int, said: str
    ) -> None:
        told = serve(agent)(method, path)

        assert told.status == status
        assert said in told.error
        assert (status == 405) == ("allow" in told.headers)


class TestLabels:
    def test_truths_are_counted_once(self, agent: Agent, serve: ServeAgent) -> None:
        ask = serve(agent)
        told = ask.infer(DIGITS_INFER, inputs=[digits_input(slice(0, 2))])
        name = told.prediction_id

        first = ask.infer("/v2/models/digits/labels", prediction_id=name, truth=[0, 1])
        again = ask.infer("/v2/models/digits/labels", prediction_id=name, truth=[0, 1])

        assert (first.status, first.json) == (200, {"labelled": 2})
        assert (again.status, again.json) == (200, {"labelled": 0})

    def test_of_many_labels_the_wrong_ones_are_named_and_the_others_counted(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask = serve(agent)
        told = ask.infer(DIGITS_INFER, inputs=[digits_input()])
        name = told.prediction_id
        labels = [{"prediction_id": "none", "truth": 1}, {"prediction_id": name, "truth": 0}, 7]

        answer = ask.infer("/v2/models/digits/labels", labels=labels)

        assert answer.status == 400
        assert answer.json["labelled"] == 1
        assert [item["index"] for item in answer.json["refused"]] == [0, 2]  # type: ignore[attr-defined]
        assert answer.error.startswith("2 of 3 labels were refused: 'none' is no prediction id")

    @pytest.mark.parametrize("fields", [{}, {"labels": []}, {"labels": {}}, {"truth": 1}])
    def test_what_is_no_label_is_refused(
        self, agent: Agent, serve: ServeAgent, fields: dict[str, object]
    ) -> None:
        assert serve(agent).infer("/v2/models/digits/labels", **fields).status == 400


class TestMetrics:
    def test_everything_is_counted_as_prometheus_reads_it(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask = serve(agent)
        ask.infer(DIGITS_INFER, inputs=[digits_input(slice(0, 3))])
        ask.infer(DIGITS_INFER, inputs=[])

        told = ask("GET", "/metrics")

        assert told.status == 200
        assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
        lines = told.body.decode().splitlines()
        for line in (
            'edgefleet_serving_requests_total{kind="infer",status="200",way="http"} 1.0',
            'edgefleet_serving_requests_total{kind="infer",status="400",way="http"} 1.0',
            'edgefleet_serving_joined_requests_bucket{le="1.0"} 1.0',
            'edgefleet_serving_infer_seconds_bucket{le="+Inf"} 1.0',
            "edgefleet_serving_infer_seconds_count 1.0",
            "edgefleet_serving_calls_total 1.0",
            "edgefleet_agent_rows_observed_total 3.0",
            "edgefleet_serving_waiting_requests 0.0",
            "edgefleet_serving_connections 1.0",
            "edgefleet_serving_ready 1.0",
            'edgefleet_agent_model_info{model="digits",version="1.0.0"} 1.0',
        ):
            assert line in lines


def test_where_there_is_no_uvloop_pythons_own_loop_serves(
    agent: Agent, serve: ServeAgent, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    ask = serve(agent, unix=socket_path)

    assert ask.infer(DIGITS_INFER, inputs=[digits_input()]).data["label"] == [0]
    with SocketClient(socket_path) as client:
        assert client.infer({"X": digits().rows[:1]}).outputs["label"].tolist() == [0]
