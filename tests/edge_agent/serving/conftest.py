"""Agents that are served in this process, and plain ways to ask them."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from edge_agent.adapters.inputs import Rows
from edge_agent.agent import Agent
from edge_agent.prediction import Prediction
from edge_agent.serving.server import Address, ServeOptions
from edge_agent.serving.serving import Serving
from edge_contract.package import Manifest
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits

DIGITS_INFER = "/v2/models/digits/infer"


class Told(NamedTuple):
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found

    @property
    def data(self) -> dict[str, list[float | str | None]]:
        """The outputs' data by name."""
        found = self.json["outputs"]
        assert isinstance(found, list)
        return {output["name"]: output["data"] for output in found}

    @property
    def prediction_id(self) -> str:
        found = self.json["parameters"]
        assert isinstance(found, dict)
        return str(found["prediction_id"])

    @property
    def error(self) -> str:
        return str(self.json["error"])


class Asking:
    """Asks one server, a connection for each question."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def __call__(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Told:
        connection = http.client.HTTPConnection(*self.address, timeout=10.0)
        try:
            connection.request(method, path, body or None, dict(headers or {}))
            answer = connection.getresponse()
            names = {name.lower(): value for name, value in answer.getheaders()}
            return Told(answer.status, names, answer.read())
        finally:
            connection.close()

    def infer(self, path: str, **fields: object) -> Told:
        return self("POST", path, json.dumps(fields).encode())


class HeldAgent:
    """An agent whose predictions wait until the test lets them go."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.model = agent.model
        self.may_go = threading.Event()
        self.calls: list[int] = []

    @property
    def models(self) -> Mapping[str, "HeldAgent"]:
        return {self.model: self}

    @property
    def manifest(self) -> Manifest | None:
        return self._agent.manifest

    def predict(self, rows: Rows) -> Prediction:
        assert isinstance(rows, np.ndarray)
        self.calls.append(len(rows))
        assert self.may_go.wait(10.0)
        return self._agent.predict(rows)

    def label(self, prediction_id: str, truth: object) -> int:
        return self._agent.label(prediction_id, truth)

    def rows_observed(self) -> int:
        return self._agent.rows_observed()

    def waiting_batches(self) -> int:
        return self._agent.waiting_batches()


ServeAgent = Callable[..., Asking]


@pytest.fixture
def serve() -> Iterator[ServeAgent]:
    """Serves an agent over HTTP on a free port, and on a Unix socket if a path is given."""
    with ExitStack() as stack:

        def begin(agent: Agent | HeldAgent, **options: object) -> Asking:
            given = ServeOptions(http=Address("127.0.0.1", 0), **options)  # type: ignore[arg-type]
            serving = stack.enter_context(Serving(agent, given))
            assert serving.address is not None
            return Asking(serving.address)

        yield begin


@pytest.fixture
def agent(make_agent: MakeAgent) -> Agent:
    """Predicts digits."""
    agent = make_agent(digits().package)
    agent.wait_ready()
    return agent


@pytest.fixture
def held(agent: Agent) -> Iterator[HeldAgent]:
    held = HeldAgent(agent)
    yield held
    held.may_go.set()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "agent.sock"


def digits_input(rows: slice = slice(0, 1)) -> dict[str, object]:
    """Rows of ``digits`` as the protocol has them in JSON."""
    table = digits().rows[rows]
    return {"name": "X", "datatype": "FP32", "shape": list(table.shape), "data": table.tolist()}


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
