"""Where the numbers of an ONNX file lie: a walk over its protobuf that needs no library."""

from collections.abc import Iterator
from typing import Final, NamedTuple

__all__ = ["Tensor", "tensors_of"]

_GRAPH: Final = 7  # field of ModelProto
_INITIALIZER: Final = 5  # field of GraphProto

# By TensorProto.DataType: bytes of a number, and whether it is a float.
_NUMBERS: Final = {
    1: (4, True),
    2: (1, False),
    3: (1, False),
    4: (2, False),
    5: (2, False),
    6: (4, False),
    7: (8, False),
    10: (2, True),
    11: (8, True),
    12: (4, False),
    13: (8, False),
    16: (2, True),
}


class Tensor(NamedTuple):
    """The numbers of one initializer: they end where they begin plus ``size_bytes``."""

    name: bytes
    start: int
    size_bytes: int
    width: int
    are_floats: bool


class _Field(NamedTuple):
    number: int
    start: int
    end: int
    value: int


class _NoProtobufError(Exception):
    pass


def tensors_of(data: bytes) -> list[Tensor]:
    """Return the initializers of an ONNX file in their order; none if it cannot be read as one.

    Left out are those whose numbers are texts, packed below a byte, or in another file.
    """
    try:
        return [
            tensor
            for graph in _fields(data, 0, len(data))
            if graph.number == _GRAPH
            for field in _fields(data, graph.start, graph.end)
            if field.number == _INITIALIZER
            for tensor in _tensor(data, field)
        ]
    except _NoProtobufError:
        return []


def _tensor(data: bytes, field: _Field) -> Iterator[Tensor]:
    name, kind, found = b"", 0, None
    for part in _fields(data, field.start, field.end):
        match part.number:
            case 2:  # data_type
                kind = part.value
            case 8:  # name
                name = data[part.start : part.end]
            case 4 | 9 | 10:  # float_data, raw_data, double_data
                found = part
            case _:
                pass
    width, are_floats = _NUMBERS.get(kind, (0, False))
    if found is not None and width and found.end > found.start:
        size_bytes = found.end - found.start
        if size_bytes % width == 0:
            yield Tensor(name, found.start, size_bytes, width, are_floats)


def _fields(data: bytes, start: int, end: int) -> Iterator[_Field]:
    """Walk over the fields of a message; a varint has a value, the others have a place."""
    while start < end:
        key, start = _varint(data, start, end)
        value, stop = 0, start
        match key & 7:
            case 0:  # varint
                value, stop = _varint(data, start, end)
            case 1:  # eight bytes
                stop = start + 8
            case 2:  # so many bytes
                size_bytes, start = _varint(data, start, end)
                stop = start + size_bytes
            case 5:  # four bytes
                stop = start + 4
            case _:
                raise _NoProtobufError
        if stop > end:
            raise _NoProtobufError
        yield _Field(key >> 3, start, stop, value)
        start = stop


def _varint(data: bytes, start: int, end: int) -> tuple[int, int]:
    value = 0
    for place in range(start, min(end, start + 10)):
        value |= (data[place] & 0x7F) << (7 * (place - start))
        if data[place] < 0x80:
            return value, place + 1
    raise _NoProtobufError
