"""What no client should send: refused with the reason, and the server goes on."""

import json
import socket
import struct
from collections.abc import Iterator

import pytest

from edge_agent.agent import Agent
from edge_agent.serving.listener import ClientLimits
from edge_agent.serving.server import Address, ServeOptions
from edge_agent.serving.serving import Serving
from tests.edge_agent.serving.conftest import DIGITS_INFER, Asking, digits_input
from tests.support.packages import digits

LIMIT_BYTES = 200_000


@pytest.fixture(scope="module")
def ask() -> Iterator[Asking]:
    """One server for all of it: it has to survive everything."""
    options = ServeOptions(
        http=Address("127.0.0.1", 0), limits=ClientLimits(body_bytes=LIMIT_BYTES)
    )
    with Agent(digits().package, device="hostile") as agent:
        agent.wait_ready()
        with Serving(agent, options) as serving:
            assert serving.address is not None
            yield Asking(serving.address)


def goes_on(ask: Asking) -> bool:
    told = ask.infer(DIGITS_INFER, inputs=[digits_input()])
    return told.status == 200 and told.data["label"] == [0]


def x(**changes: object) -> dict[str, object]:
    """A request whose input is changed."""
    return {"inputs": [{**digits_input(), **changes}]}


ROW = [0.0] * 64

BAD_REQUESTS = {
    "no inputs": ({}, "inputs is no list of 1 to"),
    "inputs no list": ({"inputs": {"X": 1}}, "inputs is no list"),
    "an input no object": ({"inputs": [1]}, "holds something that is no object"),
    "no name": (x(name=None), "an input has no name"),
    "empty name": (x(name=""), "an input has no name"),
    "unknown name": (x(name="Y"), "has no input 'Y': its inputs are X"),
    "an input too much": (
        {"inputs": [digits_input(), {**digits_input(), "name": "Y"}]},
        "has no input 'Y': its inputs are X",
    ),
    "twice the same": ({"inputs": [digits_input(), digits_input()]}, "input 'X' is there twice"),
    "no datatype": (x(datatype=None), "input 'X' has no datatype"),
    "unknown datatype": (x(datatype="FP8"), "datatype 'FP8', known are BOOL"),
    "long datatype": (x(datatype="F" * 90_000), "input 'X' has datatype"),
    "no shape": (x(shape=None), "shape is None"),
    "negative shape": (x(shape=[-1, 64]), "shape is [-1, 64], expected the lengths"),
    "true for a length": (x(shape=[True, 64]), "shape is [True, 64]"),
    "fraction for a length": (x(shape=[1.0, 64]), "shape is [1.0, 64]"),
    "huge shape": (x(shape=[2**62, 2**62]), "expected the lengths of at most 16 axes"),
    "huge shape without values": (x(shape=[0, 2**40, 2**40], data=[]), "expected the lengths"),
    "many axes": (x(shape=[1] * 1000), "expected the lengths of at most 16 axes"),
    "shape of other rows": (x(shape=[2, 64]), "which is 128 values, got 64"),
    "wrong width": (
        x(shape=[1, 63], data=ROW[:63]),
        "input 'X' of model 'digits@1.0.0' is float32[batch, 64], got float32[1, 63]",
    ),
    "no rows": (x(shape=[0, 64], data=[]), "got no rows"),
    "no data": (x(data=None), "input 'X': data is no list"),
    "data an object": (x(data={"0": 1}), "input 'X': data is no list"),
    "a text among numbers": (x(data=["1", *ROW[1:]]), "is FP32: its data are to be numbers"),
    "a list among numbers": (x(data=[[0.0], *ROW[1:]]), "got float, list"),
    "true among numbers": (x(data=[True, *ROW[1:]]), "got bool, float"),
    "an object among numbers": (x(data=[{}, *ROW[1:]]), "got dict, float"),
    "a number beyond all floats": (x(data=[10**400, *ROW[1:]]), "is not readable JSON"),
    "a shape that is nested deep": (x(shape=json.loads("[" * 900 + "]" * 900)), "shape is [[[["),
    "a fraction among whole numbers": (x(datatype="INT64", data=[0.5] * 64), "whole numbers"),
    "a number beyond its type": (x(datatype="UINT8", data=[256] * 64), "input 'X' is UINT8"),
    "a long text": (x(datatype="BYTES", data=["a" * 10_000] * 8), "which is 64 values, got 8"),
    "texts for numbers": (x(datatype="BYTES", data=["a"] * 64), "is float32, got text 'a'"),
    "id no text": ({**x(), "id": 7}, "id is no text"),
    "long id": ({**x(), "id": "a" * 2000}, "id is no text of at most 1024 characters"),
    "parameters no object": ({**x(), "parameters": [1]}, "parameters of the request are no object"),
    "negative timeout": ({**x(), "parameters": {"timeout": -1}}, "expected microseconds"),
    "timeout no number": ({**x(), "parameters": {"timeout": "1"}}, "expected microseconds"),
    "unknown output": ({**x(), "outputs": [{"name": "Z"}]}, "has no output 'Z'"),
    "outputs no list": ({**x(), "outputs": 7}, "outputs is no list"),
    "shared memory": (
        {**x(), "outputs": [{"name": "label", "parameters": {"shared_memory_region": "a"}}]},
        "shared memory is not offered",
    ),
    "classification": (
        {**x(), "outputs": [{"name": "label", "parameters": {"classification": 3}}]},
        "classification is not offered",
    ),
    "binary no flag": (
        {**x(), "outputs": [{"name": "label", "parameters": {"binary_data": 1}}]},
        "expected true or false",
    ),
    "bytes that are not there": (x(parameters={"binary_data_size": 256}), "0 bytes of the body"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_wrong_request_is_told_what_is_wrong(ask: Asking, name: str) -> None:
    fields, said = BAD_REQUESTS[name]

    told = ask("POST", DIGITS_INFER, json.dumps(fields).encode())

    assert told.status == 400
    assert said in told.error
    assert len(told.error) < 500
    assert goes_on(ask)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"\xff\xfe",
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1, 64], "data": [NaN]}]}',
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1], "data": [Infinity]}]}',
        b'{"inputs": [{"name": "X", "datatype": "FP32", "shape": [1], "data": [-Infinity]}]}',
        b"[" * 100_000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
        b'{"inputs": ' + b"[" * 1000 + b"]" * 1000 + b"}",
        b'{"id": ' + b"9" * 100_000 + b"}",
        b'{"id": "\\ud800", "inputs": [{"name": "\\ud800"}]}',
    ],
    ids=lambda body: f"{body[:24]!r} of {len(body)}",
)
def test_what_is_no_request_is_refused(ask: Asking, body: bytes) -> None:
    told = ask("POST", DIGITS_INFER, body)

    assert told.status == 400
    assert told.error
    assert goes_on(ask)


def in_bytes(size: object, rest: bytes, *, datatype: str = "FP32") -> tuple[bytes, bytes]:
    tensor = {
        "name": "X",
        "datatype": datatype,
        "shape": [1, 64],
        "parameters": {"binary_data_size": size},
    }
    return json.dumps({"inputs": [tensor]}).encode(), rest


@pytest.mark.parametrize(
    ("head", "rest", "said"),
    [
        (*in_bytes(256, bytes(255)), "binary_data_size is 256, and 255 bytes of the body are left"),
        (*in_bytes(256, bytes(257)), "1 bytes of the body are of no input"),
        (*in_bytes(255, bytes(255)), "is FP32 of shape [1, 64], which is 256 bytes, got 255"),
        (*in_bytes(-1, bytes(256)), "binary_data_size is -1"),
        (*in_bytes(True, bytes(256)), "binary_data_size is True"),
        (*in_bytes("256", bytes(256)), "binary_data_size is '256'"),
        (*in_bytes(2**60, bytes(256)), "256 bytes of the body are left"),
        (*in_bytes(4, struct.pack("<I", 2**32 - 1), datatype="BYTES"), "hold 0 whole ones"),
        (*in_bytes(5, b"\1\0\0\0\xff", datatype="BYTES"), "text 0 is no UTF-8"),
        (*in_bytes(0, b"", datatype="BYTES"), "is BYTES with 64 texts"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:30],
)
def test_bytes_that_are_no_tensor_are_refused(
    ask: Asking, head: bytes, rest: bytes, said: str
) -> None:
    headers = {"Inference-Header-Content-Length": str(len(head))}

    told = ask("POST", DIGITS_INFER, head + rest, headers)

    assert told.status == 400, told
    assert said in told.error
    assert goes_on(ask)


@pytest.mark.parametrize("length", ["-1", "0", "abc", "99999999", "1" * 30, "1e3"])
def test_a_wrong_length_of_the_header_is_refused(ask: Asking, length: str) -> None:
    head, rest = in_bytes(256, bytes(256))

    told = ask("POST", DIGITS_INFER, head + rest, {"Inference-Header-Content-Length": length})

    assert told.status == 400
    assert "the JSON header is to have" in told.error
    assert goes_on(ask)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\x01\x02\x03 nonsense\r\n\r\n",
        b"GET /v2 HTTP/9.9\r\nhost: x\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        b"POST /v2 HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /v2 HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /v2 HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",
        b"GET /" + b"a" * 200_000,
        b"GET /v2 HTTP/1.1\r\nx: " + b"a" * 200_000,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda sent: f"{sent[:40]!r} of {len(sent)}",
)
def test_what_is_no_http_is_refused_and_the_connection_closed(ask: Asking, sent: bytes) -> None:
    with socket.create_connection(ask.address, timeout=10.0) as raw:
        raw.sendall(sent)
        with raw.makefile("rb") as file:
            data = file.read()

    assert data.startswith(b"HTTP/1.1 4")
    assert b'{"error":"' in data
    assert goes_on(ask)


def test_a_request_to_speak_another_protocol_is_answered_in_this_one(ask: Asking) -> None:
    with socket.create_connection(ask.address, timeout=10.0) as raw:
        raw.sendall(
            b"GET /v2/health/live HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n"
            b"upgrade: websocket\r\n\r\n"
        )
        assert raw.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert goes_on(ask)


def test_a_client_that_takes_no_answers_is_sent_no_more_than_it_takes(ask: Asking) -> None:
    live = b"GET /v2/models/digits HTTP/1.1\r\nhost: x\r\n\r\n"
    with socket.create_connection(ask.address, timeout=1.0) as raw:
        raw.settimeout(0.3)
        sent = 0
        try:
            while sent < 50_000_000:
                sent += raw.send(live * 1000)
        except TimeoutError:
            pass
        assert goes_on(ask)

    assert sent < 50_000_000
    assert goes_on(ask)
