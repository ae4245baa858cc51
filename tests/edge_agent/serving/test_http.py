"""The protocol over HTTP: a real server on loopback in this process."""

import http.client
import json
import socket
import struct
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.serving.batching import BatchLimits
from edge_agent.serving.client import SocketClient
from edge_agent.serving.listener import ClientLimits
from edge_agent.serving.server import Address, ServeOptions
from edge_agent.serving.serving import Serving
from edge_contract.errors import UnavailableError
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import (
    DIGITS_INFER,
    Asking,
    HeldAgent,
    ServeAgent,
    digits_input,
)
from tests.support.links import wait_until
from tests.support.packages import digits, mixed, regression, touchy_digits, words


def binary_digits(rows: slice = slice(0, 1), **more: object) -> tuple[bytes, dict[str, str]]:
    """A request whose rows are bytes, and its headers."""
    table = digits().rows[rows]
    tensor = {
        "name": "X",
        "datatype": "FP32",
        "shape": list(table.shape),
        "parameters": {"binary_data_size": table.nbytes},
    }
    head = json.dumps({"inputs": [tensor], **more}).encode()
    return head + table.tobytes(), {"Inference-Header-Content-Length": str(len(head))}


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


class TestInferring:
    def test_rows_in_json_are_predicted_and_observed(self, agent: Agent, serve: ServeAgent) -> None:
        told = serve(agent).infer(DIGITS_INFER, id="q7", inputs=[digits_input(slice(0, 3))])

        assert told.status == 200
        found = told.json
        assert (found["model_name"], found["model_version"]) == ("digits", "1.0.0")
        assert found["id"] == "q7"
        assert told.data["label"] == [0, 1, 2]
        in_process = agent.predict(digits().rows[:3]).probabilities
        assert in_process is not None
        assert told.data["probabilities"] == pytest.approx(in_process.ravel().tolist(), rel=1e-6)
        assert agent.rows_observed() == 6

    def test_a_model_may_be_named_with_its_version(self, agent: Agent, serve: ServeAgent) -> None:
        path = "/v2/models/digits/versions/1.0.0/infer"
        assert serve(agent).infer(path, inputs=[digits_input()]).status == 200

    def test_rows_may_be_flat_nested_of_another_type_or_of_missing_values(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask, row = serve(agent), digits().rows[3]
        whole = [int(value) for value in row]
        for datatype, shape, data in (
            ("FP32", [1, 64], row.tolist()),
            ("FP32", [64], row.tolist()),
            ("FP64", [1, 64], [row.tolist()]),
            ("INT64", [1, 64], whole),
        ):
            tensor = {"name": "X", "datatype": datatype, "shape": shape, "data": data}
            told = ask.infer(DIGITS_INFER, inputs=[tensor])
            assert told.status == 200, told
            assert told.data["label"] == [3]

        missing = {"name": "X", "datatype": "FP32", "shape": [1, 64], "data": [None, *whole[1:]]}
        told = ask.infer(DIGITS_INFER, inputs=[missing])
        assert told.data["probabilities"] == [None] * 10  # what JSON has for "not a number"

    def test_only_the_outputs_that_were_asked_for_come_in_that_order(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        wanted = [{"name": "probabilities"}, {"name": "label"}]
        told = serve(agent).infer(DIGITS_INFER, inputs=[digits_input()], outputs=wanted)
        only = serve(agent).infer(DIGITS_INFER, inputs=[digits_input()], outputs=wanted[1:])

        assert list(told.data) == ["probabilities", "label"]
        assert list(only.data) == ["label"]

    def test_rows_and_answers_travel_as_bytes(self, agent: Agent, serve: ServeAgent) -> None:
        parameters = {"binary_data_output": True}
        body, headers = binary_digits(slice(0, 4), parameters=parameters)

        told = serve(agent)("POST", DIGITS_INFER, body, headers)

        length = int(told.headers["inference-header-content-length"])
        head = json.loads(told.body[:length])
        assert told.headers["content-type"] == "application/octet-stream"
        assert [o["parameters"] for o in head["outputs"]] == [
            {"binary_data_size": 32},
            {"binary_data_size": 160},
        ]
        assert struct.unpack("<4q", told.body[length : length + 32]) == (0, 1, 2, 3)
        assert len(told.body) == length + 192

    def test_one_output_may_be_bytes_and_another_json(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        outputs = [
            {"name": "label"},
            {"name": "probabilities", "parameters": {"binary_data": True}},
        ]
        body, headers = binary_digits(outputs=outputs)

        told = serve(agent)("POST", DIGITS_INFER, body, headers)

        length = int(told.headers["inference-header-content-length"])
        labels, probabilities = json.loads(told.body[:length])["outputs"]
        assert labels["data"] == [0]
        assert probabilities["parameters"] == {"binary_data_size": 40}

    def test_several_inputs_of_numbers_and_texts(
        self, make_agent: MakeAgent, serve: ServeAgent
    ) -> None:
        agent = make_agent(mixed().package)
        agent.wait_ready()
        table, ask = mixed().rows.head(8), serve(agent)
        inputs = [
            {"name": "age", "datatype": "FP32", "shape": [8, 1], "data": table["age"].tolist()},
            {"name": "city", "datatype": "BYTES", "shape": [8, 1], "data": table["city"].tolist()},
            {
                "name": "income",
                "datatype": "FP32",
                "shape": [8, 1],
                "data": table["income"].tolist(),
            },
        ]

        told = ask.infer("/v2/models/customers/infer", inputs=inputs)
        one_short = ask.infer("/v2/models/customers/infer", inputs=inputs[:2])

        assert told.status == 200, told
        assert told.data["label"] == mixed().labels[:8].tolist()
        assert one_short.status == 400
        assert "missing: 'income'" in one_short.error

    def test_texts_come_back_as_the_author_wrote_them(
        self, make_agent: MakeAgent, serve: ServeAgent
    ) -> None:
        agent = make_agent(words().package)
        agent.wait_ready()
        rows = words().rows[:3]
        tensor = {"name": "X", "datatype": "FP32", "shape": [3, 4], "data": rows.tolist()}

        told = serve(agent).infer("/v2/models/trees/infer", inputs=[tensor])

        assert b'"datatype":"BYTES"' in told.body
        assert told.data["label"] == words().labels[:3].tolist()

    def test_numbers_are_predicted(self, make_agent: MakeAgent, serve: ServeAgent) -> None:
        agent = make_agent(regression().package)
        agent.wait_ready()
        tensor = {"name": "X", "datatype": "FP32", "shape": [2, 2], "data": [1, 2, 0, 0]}

        told = serve(agent).infer("/v2/models/sum/infer", inputs=[tensor])

        assert next(iter(told.data.values())) == pytest.approx([3.0, 3.0], rel=1e-4)

    def test_features_may_come_as_tensors_of_their_own(
        self, make_agent: MakeAgent, serve: ServeAgent
    ) -> None:
        agent = make_agent(regression().package)
        agent.wait_ready()
        names = [feature.name for feature in regression().package.manifest.features]
        inputs = [
            {"name": name, "datatype": "FP64", "shape": [2], "data": [1.0, 2.0]} for name in names
        ]

        told = serve(agent).infer("/v2/models/sum/infer", inputs=inputs)

        assert next(iter(told.data.values())) == pytest.approx([4.0, 5.0], rel=1e-4)

    def test_a_model_that_fails_on_one_row_answers_all_others(
        self, make_agent: MakeAgent, serve: ServeAgent
    ) -> None:
        agent = make_agent(touchy_digits())
        agent.wait_ready()
        ask = serve(agent, batches=BatchLimits(delay_s=0.05))
        bad = digits_input()
        bad["data"] = [150.0, *[0.0] * 63]

        with ThreadPoolExecutor(6) as pool:
            questions = [bad, *[digits_input(slice(i, i + 1)) for i in range(5)]]
            told = list(pool.map(lambda q: ask.infer(DIGITS_INFER, inputs=[q]), questions))

        assert [one.status for one in told] == [500, 200, 200, 200, 200, 200]
        assert "the model failed" in told[0].error
        assert [one.data["label"] for one in told[1:]] == [[0], [1], [2], [3], [4]]


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


class TestJoining:
    def test_requests_that_wait_are_joined_and_each_gets_its_own_rows_and_id(
        self, held: HeldAgent, serve: ServeAgent
    ) -> None:
        ask = serve(held, batches=BatchLimits(rows=8))
        with ThreadPoolExecutor(12) as pool:
            first = pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()])
            wait_until(lambda: held.calls == [1])
            later = [
                pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input(slice(i, i + 2))])
                for i in (0, 1, 2, 3, 6)
            ]
            time.sleep(0.3)
            held.may_go.set()
            told = [one.result(10.0) for one in (first, *later)]

        assert sum(held.calls) == 11
        assert max(held.calls) == 8  # four of two rows each
        labels = [one.data["label"] for one in told]
        assert labels == [[0], [0, 1], [1, 2], [2, 3], [3, 4], [6, 7]]
        assert len({one.prediction_id for one in told}) == 6
        assert held.rows_observed() == 11

    def test_what_is_too_much_is_refused_with_when_to_come_again(
        self, held: HeldAgent, serve: ServeAgent
    ) -> None:
        ask = serve(held, batches=BatchLimits(waiting=2))
        with ThreadPoolExecutor(8) as pool:
            first = pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()])
            wait_until(lambda: held.calls == [1])
            later = [
                pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()]) for _ in range(6)
            ]
            wait_until(lambda: sum(one.done() for one in later) == 4)
            assert ask("GET", "/v2/health/live").status == 200
            held.may_go.set()
            told = [one.result(10.0) for one in (first, *later)]

        assert sorted(one.status for one in told) == [200, 200, 200, 429, 429, 429, 429]
        refused = next(one for one in told if one.status == 429)
        assert refused.headers["retry-after"] == "1"
        assert refused.error == "2 requests wait already: send fewer at once, or later"
        assert ask.infer(DIGITS_INFER, inputs=[digits_input()]).status == 200

    def test_a_request_is_given_up_at_its_deadline_or_at_that_of_the_server(
        self, held: HeldAgent, serve: ServeAgent
    ) -> None:
        ask = serve(held, deadline_s=0.4)
        with ThreadPoolExecutor(3) as pool:
            first = pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()])
            wait_until(lambda: held.calls == [1])
            began_s = time.monotonic()
            told = ask.infer(DIGITS_INFER, inputs=[digits_input()], parameters={"timeout": 50_000})
            took_s = time.monotonic() - began_s
            by_server = first.result(10.0)
        held.may_go.set()

        assert (told.status, by_server.status) == (504, 504)
        assert told.error == "the deadline passed before there was a prediction"
        assert 0.05 <= took_s < 0.35
        assert ask.infer(DIGITS_INFER, inputs=[digits_input()]).status == 200

    def test_rows_of_a_client_that_has_left_are_not_predicted(
        self, held: HeldAgent, serve: ServeAgent
    ) -> None:
        ask = serve(held)
        body, headers = binary_digits(slice(0, 5))
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()])
            wait_until(lambda: held.calls == [1])
            gone = http.client.HTTPConnection(*ask.address, timeout=5.0)
            gone.request("POST", DIGITS_INFER, body, headers)
            time.sleep(0.1)
            gone.close()
            time.sleep(0.1)
            held.may_go.set()
            first.result(10.0)

        assert ask.infer(DIGITS_INFER, inputs=[digits_input()]).status == 200
        assert held.calls == [1, 1]


class TestConnections:
    def test_a_connection_takes_many_requests_and_answers_in_their_order(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask = serve(agent)
        infer = [json.dumps({"inputs": [digits_input(slice(i, i + 1))]}).encode() for i in range(5)]
        requests = [
            b"POST %s HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%s"
            % (DIGITS_INFER.encode(), len(body), body)
            for body in infer
        ]
        live = b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n"
        last = b"GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        with socket.create_connection(ask.address, timeout=10.0) as raw:
            raw.sendall(live.join(requests) + last)
            with raw.makefile("rb") as file:
                data = file.read()

        found = [part.partition(b"\r\n\r\n")[2] for part in data.split(b"HTTP/1.1 200 OK\r\n")[1:]]
        assert len(found) == 10
        labels = [json.loads(body)["outputs"][0]["data"] for body in found[:9:2]]
        assert labels == [[0], [1], [2], [3], [4]]
        assert all(json.loads(body) == {"live": True} for body in found[1:9:2])

    def test_a_body_may_come_in_pieces_and_after_a_word_of_the_server(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask = serve(agent)
        body = json.dumps({"inputs": [digits_input()]}).encode()
        with socket.create_connection(ask.address, timeout=10.0) as raw:
            raw.sendall(
                b"POST %s HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
                b"transfer-encoding: chunked\r\n\r\n" % DIGITS_INFER.encode()
            )
            assert raw.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            for piece in (body[:10], body[10:]):
                raw.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
            raw.sendall(b"0\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")

    @pytest.mark.parametrize("is_chunked", [False, True])
    def test_a_body_that_is_too_large_is_refused_before_it_is_read(
        self, agent: Agent, serve: ServeAgent, is_chunked: bool
    ) -> None:
        ask = serve(agent, limits=ClientLimits(body_bytes=10_000))
        size = b"transfer-encoding: chunked" if is_chunked else b"content-length: 50000000"
        with socket.create_connection(ask.address, timeout=10.0) as raw:
            raw.sendall(
                b"POST %s HTTP/1.1\r\nhost: x\r\n%s\r\n\r\n" % (DIGITS_INFER.encode(), size)
            )
            if is_chunked:
                raw.sendall(b"4000\r\n" + b"[" * 0x4000)
            with raw.makefile("rb") as file:
                data = file.read()

        assert data.startswith(b"HTTP/1.1 413 ")
        assert b"the body has more than 10000 bytes: send fewer rows at once" in data
        assert ask.infer(DIGITS_INFER, inputs=[digits_input()]).status == 200

    def test_a_request_that_does_not_arrive_whole_is_given_up(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask = serve(agent, limits=ClientLimits(request_s=0.2))
        with socket.create_connection(ask.address, timeout=10.0) as raw:
            raw.sendall(b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
            with raw.makefile("rb") as file:
                assert file.read().startswith(b"HTTP/1.1 408 ")

    def test_a_silent_connection_is_closed(self, agent: Agent, serve: ServeAgent) -> None:
        ask = serve(agent, limits=ClientLimits(idle_s=0.2))
        with socket.create_connection(ask.address, timeout=10.0) as raw:
            assert raw.recv(100) == b""

    def test_clients_beyond_the_limit_are_turned_away(
        self, agent: Agent, serve: ServeAgent
    ) -> None:
        ask = serve(agent, connections=2)
        with (
            socket.create_connection(ask.address, timeout=10.0),
            socket.create_connection(ask.address, timeout=10.0) as second,
        ):
            second.sendall(b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\n\r\n")
            assert second.recv(100).startswith(b"HTTP/1.1 200 ")
            with socket.create_connection(ask.address, timeout=10.0) as third:
                assert third.recv(1000).startswith(b"HTTP/1.1 503 ")

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({"Origin": "https://example.com"}, 403),
            ({"Content-Encoding": "gzip"}, 415),
            ({"X-Long": "a" * 100_000}, 431),
        ],
    )
    def test_headers_that_are_not_taken_are_told(
        self, agent: Agent, serve: ServeAgent, headers: dict[str, str], status: int
    ) -> None:
        ask = serve(agent)
        body, others = binary_digits()
        assert ask("POST", DIGITS_INFER, body, {**others, **headers}).status == status
        assert ask("GET", "/v2/health/live").status == 200

    def test_a_taken_address_is_told(self, agent: Agent, serve: ServeAgent) -> None:
        ask = serve(agent)
        with pytest.raises(UnavailableError, match=r"cannot listen at 127\.0\.0\.1:\d+: .*in use"):
            Serving(agent, ServeOptions(http=Address(*ask.address)))


class TestLeaving:
    def test_what_is_under_way_is_answered_and_what_comes_later_is_not_taken(
        self, held: HeldAgent
    ) -> None:
        serving = Serving(held, ServeOptions(http=Address("127.0.0.1", 0)))
        assert serving.address is not None
        ask = Asking(serving.address)
        idle = socket.create_connection(ask.address, timeout=10.0)
        with ThreadPoolExecutor(2) as pool:
            answer = pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()])
            wait_until(lambda: held.calls == [1])
            end = pool.submit(serving.close)
            with idle:
                assert idle.recv(100) == b""
            held.may_go.set()
            told = answer.result(10.0)
            end.result(10.0)

        assert told.status == 200
        assert told.headers["connection"] == "close"
        with pytest.raises(ConnectionRefusedError):
            ask("GET", "/v2/health/live")

    def test_a_model_that_hangs_does_not_hold_it_up(self, held: HeldAgent) -> None:
        serving = Serving(held, ServeOptions(http=Address("127.0.0.1", 0), drain_s=0.2))
        assert serving.address is not None
        ask = Asking(serving.address)
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask.infer, DIGITS_INFER, inputs=[digits_input()])
            wait_until(lambda: held.calls == [1])
            began_s = time.monotonic()
            serving.close()
            took_s = time.monotonic() - began_s
            told = answer.result(10.0)
        held.may_go.set()

        assert told.status == 503
        assert told.error == "the server is leaving"
        assert took_s < 2.0


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
