"""What each of several requests gets of the one call that answers them."""

import json

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.prediction import Answer, Prediction
from edge_agent.serving.interface import ModelInterface
from edge_agent.serving.json_tensors import json_of, json_of_rows
from edge_agent.serving.shares import Shares
from edge_agent.serving.tensors import bytes_of, bytes_of_rows
from edge_contract.errors import UnavailableError
from tests.support.packages import digits


@pytest.fixture
def interface(agent: Agent) -> ModelInterface:
    assert agent.manifest is not None
    return ModelInterface(agent.manifest)


@pytest.mark.parametrize("counts", [[1, 1, 1, 1, 1], [1, 4], [5]])
def test_each_request_gets_its_own_rows(
    agent: Agent, interface: ModelInterface, counts: list[int]
) -> None:
    whole = agent.predict(digits().rows[:5])

    shares = Shares(whole, counts)

    told = [json.loads(text) for text in shares.json("label", interface)]
    assert [output["shape"] for output in told] == [[count] for count in counts]
    assert [label for output in told for label in output["data"]] == [0, 1, 2, 3, 4]
    binary = shares.binary("probabilities", interface)
    assert [json.loads(text)["shape"] for text, _ in binary] == [[count, 10] for count in counts]
    assert b"".join(chunk for _, chunk in binary) == whole.tensors[1].tobytes()


def test_the_ids_of_requests_that_were_joined_take_their_truths(agent: Agent) -> None:
    whole = agent.predict(digits().rows[:5])

    one, four = Shares(whole, [1, 4]).ids

    assert len({one, four, whole.id}) == 3
    assert agent.label(one, 0) == 1
    assert agent.label(four, [1, 2, 3, 4]) == 4
    assert agent.label(four, [1, 2, 3, 4]) == 0


def test_an_output_that_is_not_by_rows_cannot_be_shared_and_one_request_gets_it_whole(
    agent: Agent, interface: ModelInterface
) -> None:
    whole = agent.predict(digits().rows[:2])
    summary = Prediction(
        Answer(whole._read().decoded, [whole.tensors[0], np.zeros((1, 10), np.float32)]),
        whole._origin,
    )

    with pytest.raises(UnavailableError, match=r"has shape \[1, 10\] for 2 rows"):
        Shares(summary, [1, 1])
    (alone,) = Shares(summary, [2]).json("probabilities", interface)
    assert json.loads(alone)["shape"] == [1, 10]


@pytest.mark.parametrize(
    "tensor",
    [
        np.array([[1.5, np.nan], [-0.0, np.inf]], np.float32),
        np.array([[1.5, 2.5, 3.5], [4.5, 5.5, 6.5]], np.float16)[:, ::2],
        np.array(["a],[b", '"]'], object),
        np.array([[True], [False]]),
        np.arange(8, dtype=np.uint8).reshape(2, 2, 2),
        np.zeros((2, 0), np.float32),
        np.array([7, -8]),
    ],
)
def test_rows_are_written_at_once_as_they_are_one_by_one(tensor: np.ndarray) -> None:
    one_by_one = [np.ascontiguousarray(tensor[row : row + 1]) for row in (0, 1)]

    assert [b"[%b]" % row for row in json_of_rows(tensor)] == list(map(json_of, one_by_one))
    assert bytes_of_rows(tensor) == list(map(bytes_of, one_by_one))
