"""Rows over HTTP in all the forms that the protocol knows."""

import json
import struct
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_agent.agent import Agent
from edge_agent.serving.batching import BatchLimits
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import DIGITS_INFER, ServeAgent, binary_digits, digits_input
from tests.support.packages import digits, mixed, regression, touchy_digits, words


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
