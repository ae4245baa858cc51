"""What clients do with their connections, and what the server puts up with."""

import json
import socket

import pytest

from edge_agent.agent import Agent
from edge_agent.serving.listener import ClientLimits
from edge_agent.serving.server import Address, ServeOptions
from edge_agent.serving.serving import Serving
from edge_contract.errors import UnavailableError
from tests.edge_agent.serving.conftest import DIGITS_INFER, ServeAgent, binary_digits, digits_input


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
