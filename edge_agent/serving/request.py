"""Inference requests: a JSON header, and after it the tensors that come as bytes."""

import reprlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

from edge_agent.serving.json_tensors import files_in_json, from_json
from edge_agent.serving.refused import RefusedError
from edge_agent.serving.tensors import TEXT, files_in, from_bytes

if TYPE_CHECKING:
    from edge_agent.ports import Tensor

__all__ = ["InferRequest", "WantedOutput", "json_object", "parse_infer"]

_MAX_TENSORS: Final = 4096
_MAX_AXES: Final = 16
_MAX_VALUES: Final = 2**40
_MAX_ID: Final = 1024
_SHORT: Final = reprlib.Repr()  # looks at a few levels only, however deep a value is nested
_NONE: Final[Mapping[str, object]] = {}
_NO_BYTES: Final = memoryview(b"")


class WantedOutput(NamedTuple):
    """An output that the client asks for, and whether as bytes; ``None`` leaves that open."""

    name: str
    binary: bool | None


class InferRequest(NamedTuple):
    """What a client asks.

    Attributes:
        id: Its own name for the request, given back with the answer.
        tensors: Inputs by name.
        outputs: What it wants, in this order; empty for everything.
        binary: Whether outputs of which nothing else is said go back as bytes.
        timeout_s: How long it waits; ``None`` for as long as the server allows.
    """

    id: str
    tensors: "Mapping[str, Tensor]"
    outputs: Sequence[WantedOutput]
    binary: bool = False
    timeout_s: float | None = None


def parse_infer(body: bytes, header_bytes: int | None, *, files: str = "") -> InferRequest:
    """Read a request.

    Args:
        body: JSON, and after it the bytes of the tensors that come as such.
        header_bytes: How long the JSON is; ``None`` if it is all there is.
        files: Name of the input that takes files, such as pictures, as ``BYTES``; empty for none.

    Raises:
        RefusedError: It is not what the protocol says; the message names field or tensor.
    """
    if header_bytes is None:
        header_bytes = len(body)
    elif not 0 < header_bytes <= len(body):
        raise RefusedError.bad(
            f"the JSON header is to have {header_bytes} bytes, the body has {len(body)}"
        )
    is_json = header_bytes == len(body)
    fields = json_object(body if is_json else body[:header_bytes])
    request_id = fields.get("id", "")
    if not isinstance(request_id, str) or len(request_id) > _MAX_ID:
        raise RefusedError.bad(f"id is no text of at most {_MAX_ID} characters")
    rest = _NO_BYTES if is_json else memoryview(body)[header_bytes:]
    tensors = _tensors(_objects(fields.get("inputs"), "inputs"), rest, files=files)
    outputs = fields.get("outputs")
    wanted = () if outputs is None else [_wanted(each) for each in _objects(outputs, "outputs")]
    if "parameters" not in fields:
        return InferRequest(request_id, tensors, wanted)
    parameters = _parameters(fields, "the request")
    binary = _flag(parameters, "binary_data_output") or False
    return InferRequest(request_id, tensors, wanted, binary, _timeout_s(parameters))


def json_object(data: bytes) -> Mapping[str, object]:
    """Return the JSON object that a client sent; raises ``RefusedError`` if it is none."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise RefusedError.bad(f"the request is not readable JSON: {error}") from error
    if not isinstance(found, dict):
        raise RefusedError.bad(f"the request is a JSON {type(found).__name__}, expected an object")
    return found


def _tensors(
    inputs: Sequence[Mapping[str, object]], rest: memoryview, *, files: str
) -> "dict[str, Tensor]":
    tensors: dict[str, Tensor] = {}
    place = 0
    for fields in inputs:
        name = _name(fields, "an input")
        if name in tensors:
            raise RefusedError.bad(f"input {name!r} is there twice")
        datatype = fields.get("datatype")
        if not isinstance(datatype, str):
            raise RefusedError.bad(f"input {name!r} has no datatype: give one like 'FP32'")
        shape = _shape(fields.get("shape"), name)
        holds_files = name == files and datatype == TEXT
        size = None
        if "parameters" in fields:
            size = _parameters(fields, f"input {name!r}").get("binary_data_size")
        if size is None:
            data = fields.get("data")
            tensors[name] = (
                files_in_json(data, shape, name=name)
                if holds_files
                else from_json(data, datatype, shape, name=name)
            )
            continue
        if type(size) is not int or not 0 <= size <= len(rest) - place:
            raise RefusedError.bad(
                f"input {name!r}: binary_data_size is {_SHORT.repr(size)}, and "
                f"{len(rest) - place} bytes of the body are left"
            )
        part = rest[place : place + size]
        tensors[name] = (
            files_in(part, shape, name=name)
            if holds_files
            else from_bytes(part, datatype, shape, name=name)
        )
        place += size
    if place != len(rest):
        raise RefusedError.bad(
            f"{len(rest) - place} bytes of the body are of no input: give their "
            "parameters.binary_data_size"
        )
    return tensors


def _objects(found: object, what: str) -> Sequence[Mapping[str, object]]:
    if not isinstance(found, list) or not 0 < len(found) <= _MAX_TENSORS:
        raise RefusedError.bad(f"{what} is no list of 1 to {_MAX_TENSORS} tensors")
    if set(map(type, found)) != {dict}:
        raise RefusedError.bad(f"{what} holds something that is no object")
    return found


def _name(fields: Mapping[str, object], what: str) -> str:
    name = fields.get("name")
    if not isinstance(name, str) or not name:
        raise RefusedError.bad(f"{what} has no name")
    return name


def _shape(found: object, name: str) -> list[int]:
    values = 1
    if isinstance(found, list) and len(found) <= _MAX_AXES:
        for axis in found:
            if type(axis) is not int or axis < 0:
                break
            values *= axis or 1
        else:
            if values <= _MAX_VALUES:
                return found
    raise RefusedError.bad(
        f"input {name!r}: shape is {_SHORT.repr(found)}, expected the lengths of at most "
        f"{_MAX_AXES} axes"
    )


def _wanted(fields: Mapping[str, object]) -> WantedOutput:
    name = _name(fields, "an output")
    parameters = _parameters(fields, f"output {name!r}")
    if "classification" in parameters:
        raise RefusedError.bad(
            f"output {name!r}: classification is not offered; ask for the labels and probabilities"
        )
    if "shared_memory_region" in parameters:
        raise RefusedError.bad(f"output {name!r}: shared memory is not offered")
    return WantedOutput(name, _flag(parameters, "binary_data"))


def _parameters(fields: Mapping[str, object], what: str) -> Mapping[str, object]:
    found = fields.get("parameters", _NONE)
    if not isinstance(found, dict) and found is not _NONE:
        raise RefusedError.bad(f"the parameters of {what} are no object")
    return found


def _flag(parameters: Mapping[str, object], name: str) -> bool | None:
    found = parameters.get(name)
    if found is not None and not isinstance(found, bool):
        raise RefusedError.bad(
            f"parameter {name!r} is {_SHORT.repr(found)}, expected true or false"
        )
    return found


def _timeout_s(parameters: Mapping[str, object]) -> float | None:
    """Return how long the client waits; it says so in microseconds, as Triton's clients do."""
    found = parameters.get("timeout")
    if found is None or found == 0:
        return None
    if type(found) is not int or found < 0:
        raise RefusedError.bad(
            f"parameter 'timeout' is {_SHORT.repr(found)}, expected microseconds"
        )
    return found / 1e6
