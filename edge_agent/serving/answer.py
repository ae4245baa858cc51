"""Answers: what goes back to a client, whichever way it asked."""

from http import HTTPStatus
from typing import Final, NamedTuple

import orjson

from edge_agent.serving.interface import ModelInterface
from edge_agent.serving.refused import RefusedError
from edge_agent.serving.request import InferRequest
from edge_agent.serving.shares import Share

__all__ = ["BYTES", "JSON", "Answer", "infer_answer", "json_answer", "refused_answer"]

JSON: Final = "application/json"
BYTES: Final = "application/octet-stream"


class Answer(NamedTuple):
    """What goes back.

    Attributes:
        status: HTTP status.
        body: JSON or text, and after it the tensors that go back as bytes.
        header_bytes: How long the JSON is; ``None`` if it is all there is.
        media_type: Of the body.
        retry_after_s: When to try again; ``None`` for never or no need.
        allow: Methods that the address knows, after one that it does not.
    """

    status: HTTPStatus
    body: bytes
    header_bytes: int | None = None
    media_type: str = JSON
    retry_after_s: int | None = None
    allow: str = ""


def json_answer(value: object, status: HTTPStatus = HTTPStatus.OK) -> Answer:
    """Return a value as JSON."""
    return Answer(status, orjson.dumps(value))


def refused_answer(error: RefusedError) -> Answer:
    """Return an error as the protocol tells it."""
    body = orjson.dumps({"error": str(error)})
    return Answer(error.status, body, retry_after_s=error.retry_after_s)


def infer_answer(request: InferRequest, share: Share, interface: ModelInterface) -> Answer:
    """Return the outputs that a request wants.

    Args:
        request: What was asked.
        share: The prediction of its rows.
        interface: Of the version that predicted them.

    Raises:
        RefusedError: It wants an output that the model does not have.
    """
    shares, place = share
    outputs: list[bytes] = []
    chunks: list[bytes] = []
    for name, binary in interface.wanted(request.outputs):
        if request.binary if binary is None else binary:
            output, chunk = shares.binary(name, interface)[place]
            outputs.append(output)
            chunks.append(chunk)
        else:
            outputs.append(shares.json(name, interface)[place])
    header = b'%b%b"parameters":{"prediction_id":"%b"},"outputs":[%b]}' % (
        interface.answer_head,
        b'"id":%b,' % orjson.dumps(request.id) if request.id else b"",
        shares.ids[place].encode(),
        b",".join(outputs),
    )
    if not chunks:
        return Answer(HTTPStatus.OK, header)
    body = b"".join((header, *chunks))
    return Answer(HTTPStatus.OK, body, header_bytes=len(header), media_type=BYTES)
