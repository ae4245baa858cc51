"""``edgefleet agent run --serve`` as a process of its own, asked by Triton's own client."""

import json
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from tritonclient import http as triton
from tritonclient.utils import InferenceServerException

from cloud_sync.adapters.listening import free_port
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.config import ring_folder
from edge_agent.serving.client import SocketClient
from edge_contract.errors import UnavailableError
from edge_contract.messages import Counters
from tests.integration.processes import ROOT, eventually, tail
from tests.support.packages import mixed


class ServingProcess:
    """The command, running; it ends with the test."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port("127.0.0.1")
        self.socket = folder / "agent.sock"
        self.state = folder / "state"
        self.log = folder / "agent.log"
        package = folder / "customers.modelpkg"
        package.write_bytes(mixed().package.to_archive())
        command = [
            *(sys.executable, "-m", "edgefleet", "agent", "run", str(package)),
            *("--state", str(self.state), "--device", "till-3"),
            *("--serve", f"127.0.0.1:{self.port}", "--serve-unix", str(self.socket)),
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        assert self.process.poll() is None, tail(self.log)
        try:
            with urllib.request.urlopen(f"http://{self.address}/v2/health/ready", timeout=5.0):
                return True
        except urllib.error.URLError:
            return False

    def kill(self) -> None:
        """Leave nothing of it behind but its state."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(ring_folder(self.state), ignore_errors=True)

    def end(self) -> tuple[int, float]:
        """Ask it to leave; return its exit code and how long it took."""
        began_s = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15.0), time.monotonic() - began_s


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServingProcess]:
    server = ServingProcess(tmp_path_factory.mktemp("serving"))
    try:
        eventually("the agent is ready", server.is_ready, within_s=40.0)
        yield server
    finally:
        server.kill()


def inputs(rows: slice, *, binary: bool) -> list[triton.InferInput]:
    made: list[triton.InferInput] = []
    for name, column in mixed().rows[rows].items():
        values = column.to_numpy().reshape(-1, 1)
        is_text = values.dtype == object or values.dtype.kind in "UT"
        tensor = triton.InferInput(str(name), list(values.shape), "BYTES" if is_text else "FP32")
        as_given = values.astype(object) if is_text else values.astype(np.float32)
        tensor.set_data_from_numpy(as_given, binary_data=binary)
        made.append(tensor)
    return made


def test_tritons_client_finds_server_and_model(server: ServingProcess) -> None:
    with closing(triton.InferenceServerClient(server.address)) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("customers")
        assert client.is_model_ready("customers", "1.0.0")
        assert not client.is_model_ready("customers", "9.0.0")
        assert client.get_server_metadata()["name"] == "edgefleet"
        found = client.get_model_metadata("customers", "1.0.0")
    assert {(tensor["name"], tensor["datatype"]) for tensor in found["inputs"]} == {
        ("age", "FP32"),
        ("income", "FP32"),
        ("city", "BYTES"),
    }


@pytest.mark.parametrize("binary_in", [False, True], ids=["json in", "bytes in"])
@pytest.mark.parametrize("binary_out", [False, True], ids=["json out", "bytes out"])
def test_tritons_client_gets_what_the_model_says(
    server: ServingProcess, binary_in: bool, binary_out: bool
) -> None:
    outputs = [
        triton.InferRequestedOutput(name, binary_data=binary_out)
        for name in ("label", "probabilities")
    ]
    with closing(triton.InferenceServerClient(server.address)) as client:
        answer = client.infer(
            "customers",
            inputs(slice(0, 50), binary=binary_in),
            model_version="1.0.0",
            outputs=outputs,
            request_id="q1",
        )

    assert answer.as_numpy("label").tolist() == mixed().labels[:50].tolist()
    assert answer.as_numpy("probabilities").shape == (50, 2)
    assert answer.get_response()["id"] == "q1"


def test_tritons_client_is_told_what_is_wrong(server: ServingProcess) -> None:
    with closing(triton.InferenceServerClient(server.address)) as client:
        with pytest.raises(InferenceServerException, match="there is no model 'other' here"):
            client.infer("other", inputs(slice(0, 1), binary=True))
        with pytest.raises(InferenceServerException, match="missing: 'city'"):
            client.infer("customers", inputs(slice(0, 1), binary=True)[:2])
        given = inputs(slice(0, 1), binary=True)
        with pytest.raises(InferenceServerException, match="deadline passed"):
            client.infer("customers", given, timeout=1)


def test_many_clients_at_once_get_their_own_answers(server: ServingProcess) -> None:
    expected = mixed().labels.tolist()

    def work(worker: int) -> int:
        right = 0
        with closing(triton.InferenceServerClient(server.address)) as client:
            for number in range(25):
                first = (worker * 31 + number * 7) % 390
                given = inputs(slice(first, first + 1 + worker % 3), binary=bool(number % 2))
                found = client.infer("customers", given).as_numpy("label").tolist()
                right += found == expected[first : first + 1 + worker % 3]
        return right

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [25] * 8


def test_labels_go_back_and_metrics_tell_of_all_of_it(server: ServingProcess) -> None:
    with closing(triton.InferenceServerClient(server.address)) as client:
        answer = client.infer("customers", inputs(slice(0, 2), binary=True)).get_response()
    body = {"prediction_id": answer["parameters"]["prediction_id"], "truth": [0, 1]}
    labels = urllib.request.Request(
        f"http://{server.address}/v2/models/customers/labels", json.dumps(body).encode()
    )
    with urllib.request.urlopen(labels, timeout=10.0) as told:
        assert json.load(told) == {"labelled": 2}
    with urllib.request.urlopen(f"http://{server.address}/metrics", timeout=10.0) as told:
        text = told.read().decode()

    assert 'edgefleet_serving_requests_total{kind="labels",status="200",way="http"} 1.0' in text
    assert 'edgefleet_agent_model_info{model="customers",version="1.0.0"} 1.0' in text
    assert "process_resident_memory_bytes" in text


def test_it_leaves_in_good_order_amid_traffic_and_every_answered_row_was_counted(
    tmp_path: Path,
) -> None:
    server = ServingProcess(tmp_path)
    row = {name: np.asarray(column[:1]).reshape(1, 1) for name, column in mixed().rows.items()}
    tensors = {str(name): value for name, value in row.items()}
    answered: list[int] = []

    def ask() -> str:
        with SocketClient(server.socket) as client:
            while True:
                try:
                    answered.append(len(client.infer(tensors).outputs["label"]))
                except UnavailableError as error:
                    return str(error)

    try:
        eventually("the agent is ready", server.is_ready, within_s=40.0)
        with ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(ask) for _ in range(4)]
            eventually("rows are answered", lambda: len(answered) > 200)
            code, took_s = server.end()
            reasons = {end.result(10.0) for end in ends}
    finally:
        server.kill()

    assert code == 0, tail(server.log)
    assert took_s < 5.0
    assert all("leaving" in reason or "no answer from" in reason for reason in reasons)
    assert not server.socket.exists()
    with closing(SqliteBatchStore(server.state / "agent.db", wait_s=0.0)) as store:
        entries = [entry for batch in store.batches() for entry in batch.entries]
    sums = Counters()
    for entry in entries:
        sums = sums.plus(entry.counters)
    assert sums.rows == len(answered)
