"""Requests over HTTP that meet each other, a deadline, or the server's end."""

import http.client
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_agent.serving.batching import BatchLimits
from edge_agent.serving.server import Address, ServeOptions
from edge_agent.serving.serving import Serving
from tests.edge_agent.serving.conftest import (
    DIGITS_INFER,
    Asking,
    HeldAgent,
    ServeAgent,
    binary_digits,
    digits_input,
)
from tests.support.links import wait_until


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
