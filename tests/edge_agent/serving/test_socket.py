"""Frames over a Unix socket, asked by the client and by hand."""

import json
import socket
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from edge_agent.serving.batching import BatchLimits
from edge_agent.serving.client import SocketClient
from edge_agent.serving.frames import HEAD, Frame, FrameReader, Purpose
from edge_agent.serving.listener import ClientLimits
from edge_agent.serving.server import ServeOptions
from edge_agent.serving.serving import Serving
from edge_contract.errors import MessageError, UnavailableError, UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.serving.conftest import HeldAgent, ServeAgent
from tests.support.links import wait_until
from tests.support.packages import digits, mixed


class TestClient:
    def test_rows_are_predicted_labelled_and_observed(
        self, agent: Agent, serve: ServeAgent, socket_path: Path
    ) -> None:
        serve(agent, unix=socket_path)
        with SocketClient(socket_path) as client:
            answer = client.infer({"X": digits().rows[:3]})
            only = client.infer({"X": digits().rows[:1]}, ["probabilities"], timeout_s=5.0)
            assert client.is_ready()
            assert client.metadata()["name"] == "digits"
            assert client.label(answer.prediction_id, [0, 1, 2]) == 3
            assert client.label(answer.prediction_id, [0, 1, 2]) == 0

        assert answer.outputs["label"].tolist() == [0, 1, 2]
        assert answer.outputs["probabilities"].dtype == np.float32
        assert answer.version == "1.0.0"
        assert list(only.outputs) == ["probabilities"]
        assert agent.rows_observed() == 4

    def test_texts_and_several_inputs(
        self, make_agent: MakeAgent, serve: ServeAgent, socket_path: Path
    ) -> None:
        agent = make_agent(mixed().package)
        agent.wait_ready()
        serve(agent, unix=socket_path)
        table = mixed().rows.head(20)
        tensors = {name: np.asarray(table[name]).reshape(-1, 1) for name in table.columns}
        with SocketClient(socket_path) as client:
            answer = client.infer(tensors)

        assert answer.outputs["label"].tolist() == mixed().labels[:20].tolist()

    def test_what_is_wrong_is_told_and_the_next_request_is_answered(
        self, agent: Agent, serve: ServeAgent, socket_path: Path
    ) -> None:
        serve(agent, unix=socket_path)
        with SocketClient(socket_path) as client:
            with pytest.raises(UsageError, match=r"float32\[batch, 64\], got float32\[1, 3\]"):
                client.infer({"X": np.zeros((1, 3), np.float32)})
            with pytest.raises(UsageError, match="is no prediction id"):
                client.label("none", 1)
            assert client.infer({"X": digits().rows[:1]}).outputs["label"].tolist() == [0]

    def test_too_much_is_a_reason_to_come_again_and_so_is_a_deadline(
        self, held: HeldAgent, serve: ServeAgent, socket_path: Path
    ) -> None:
        http = serve(held, unix=socket_path, batches=BatchLimits(waiting=1))

        def ask(timeout_s: float = 0.0) -> int:
            with SocketClient(socket_path) as client:
                return len(client.infer({"X": digits().rows[:1]}, timeout_s=timeout_s).outputs)

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(ask)
            wait_until(lambda: held.calls == [1])
            second = pool.submit(ask, 0.3)
            wait_until(lambda: b"waiting_requests 2.0" in http("GET", "/metrics").body)
            with pytest.raises(UnavailableError, match="1 requests wait already"):
                ask()
            with pytest.raises(UnavailableError, match="deadline passed"):
                second.result(10.0)
            third = pool.submit(ask)  # what was given up has left its place
            held.may_go.set()
            assert (first.result(10.0), third.result(10.0)) == (2, 2)

    def test_threads_may_share_a_client(
        self, agent: Agent, serve: ServeAgent, socket_path: Path
    ) -> None:
        serve(agent, unix=socket_path)
        with SocketClient(socket_path) as client, ThreadPoolExecutor(4) as pool:
            found = list(
                pool.map(lambda i: client.infer({"X": digits().rows[i : i + 1]}), [0, 1, 2, 3] * 10)
            )
        assert [int(one.outputs["label"][0]) for one in found] == [0, 1, 2, 3] * 10

    def test_a_server_that_is_not_there_or_has_left_is_told(
        self, agent: Agent, socket_path: Path
    ) -> None:
        with pytest.raises(UnavailableError, match="cannot connect to"):
            SocketClient(socket_path)
        with Serving(agent, ServeOptions(unix=socket_path)):
            client = SocketClient(socket_path)
        with client, pytest.raises(UnavailableError, match="no answer from"):
            client.metadata()


class TestFrames:
    def test_a_frame_is_put_together_from_single_bytes(self) -> None:
        reader = FrameReader(100)
        frames = [Frame(1, 200, b'{"a": 1}xyz', 8), Frame(2, 400, b"", 0)]
        data = b"".join(frame.to_bytes() for frame in frames)

        found = [frame for byte in data for frame in reader.feed(bytes([byte]))]

        assert data[:16] == bytes([23, 0, 0, 0, 1, 0, 0, 0, 200, 0, 0, 0, 8, 0, 0, 0])
        assert found == frames
        assert reader.is_between

    @pytest.mark.parametrize("head", [(113, 1, 1, 0), (11, 1, 1, 0), (12, 1, 1, 1), (20, 1, 1, 9)])
    def test_a_frame_that_cannot_be_is_refused(self, head: tuple[int, int, int, int]) -> None:
        with pytest.raises(MessageError):
            FrameReader(100).feed(HEAD.pack(*head))

    def test_many_requests_may_be_under_way_on_one_connection(
        self, agent: Agent, serve: ServeAgent, socket_path: Path
    ) -> None:
        serve(agent, unix=socket_path)
        reader = FrameReader(1_000_000)
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(10.0)
            raw.connect(str(socket_path))
            ready = Frame(1, Purpose.READY, b"", 0).to_bytes()
            raw.sendall(b"".join(_infer(number) for number in range(2, 300)) + ready)
            found: list[Frame] = []
            while len(found) < 299:
                found += reader.feed(raw.recv(1 << 16))

        assert {frame.number for frame in found} == set(range(1, 300))
        assert {frame.code for frame in found} == {200}

    @pytest.mark.parametrize(
        ("sent", "said"),
        [
            (Frame(7, 99, b"", 0).to_bytes(), "frame 7 has the purpose 99"),
            (Frame(7, Purpose.INFER, b"{", 1).to_bytes(), "not readable JSON"),
            (Frame(7, Purpose.INFER, b"{}", 0).to_bytes(), "JSON header is to have 0 bytes"),
            (HEAD.pack(2**31, 7, 1, 0), "longer than the 100000 allowed"),
            (HEAD.pack(3, 7, 1, 0), "cannot hold 0 bytes of JSON"),
        ],
    )
    def test_what_is_no_request_is_refused_and_others_are_served(
        self, agent: Agent, serve: ServeAgent, socket_path: Path, sent: bytes, said: str
    ) -> None:
        serve(agent, unix=socket_path, limits=ClientLimits(body_bytes=100_000))
        with SocketClient(socket_path) as other, socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(10.0)
            raw.connect(str(socket_path))
            raw.sendall(sent)
            [answer] = FrameReader(1_000_000).feed(raw.recv(1 << 16))
            assert other.infer({"X": digits().rows[:1]}).outputs["label"].tolist() == [0]

        assert answer.code == 400
        assert said in json.loads(answer.body)["error"]

    def test_a_client_that_stops_in_the_middle_of_a_frame_is_let_go(
        self, agent: Agent, serve: ServeAgent, socket_path: Path
    ) -> None:
        serve(agent, unix=socket_path, limits=ClientLimits(request_s=0.2))
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(10.0)
            raw.connect(str(socket_path))
            raw.sendall(_infer(1)[:20])
            assert raw.recv(100) == b""


class TestPath:
    def test_the_group_may_connect_and_the_path_is_removed_in_the_end(
        self, agent: Agent, socket_path: Path
    ) -> None:
        with Serving(agent, ServeOptions(unix=socket_path)):
            assert stat.S_IMODE(socket_path.stat().st_mode) == 0o660
        assert not socket_path.exists()

    def test_a_socket_that_was_left_is_replaced(self, agent: Agent, socket_path: Path) -> None:
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(socket_path))
        with Serving(agent, ServeOptions(unix=socket_path)), SocketClient(socket_path) as client:
            assert client.is_ready()

    def test_a_path_in_use_is_left_alone(self, agent: Agent, socket_path: Path) -> None:
        with Serving(agent, ServeOptions(unix=socket_path)):
            with pytest.raises(UsageError, match="another process listens at"):
                Serving(agent, ServeOptions(unix=socket_path))
            with SocketClient(socket_path) as client:
                assert client.is_ready()

    def test_something_else_at_the_path_is_left_alone(
        self, agent: Agent, socket_path: Path, tmp_path: Path
    ) -> None:
        socket_path.write_text("important")
        with pytest.raises(UsageError, match="that is no socket"):
            Serving(agent, ServeOptions(unix=socket_path))
        with pytest.raises(UnavailableError, match="cannot listen at"):
            Serving(agent, ServeOptions(unix=tmp_path / "nowhere" / "agent.sock"))
        assert socket_path.read_text() == "important"


class TestLeaving:
    def test_what_is_under_way_is_answered(self, held: HeldAgent, socket_path: Path) -> None:
        serving = Serving(held, ServeOptions(unix=socket_path))
        with SocketClient(socket_path) as client, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(client.infer, {"X": digits().rows[:1]})
            wait_until(lambda: held.calls == [1])
            end = threading.Thread(target=serving.close)
            end.start()
            time.sleep(0.1)
            held.may_go.set()
            assert answer.result(10.0).outputs["label"].tolist() == [0]
            end.join(10.0)
            assert not end.is_alive()


def _infer(number: int) -> bytes:
    row = digits().rows[:1]
    tensor = {
        "name": "X",
        "datatype": "FP32",
        "shape": [1, 64],
        "parameters": {"binary_data_size": row.nbytes},
    }
    head = json.dumps({"inputs": [tensor]}).encode()
    return Frame(number, Purpose.INFER, head + row.tobytes(), len(head)).to_bytes()
