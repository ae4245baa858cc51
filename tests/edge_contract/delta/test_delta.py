"""Deltas: what they save, what they refuse, and what the refusal says."""

import struct
import zlib
from dataclasses import replace

import pytest

from edge_contract.delta import Delta, Method, Zlib, apply_delta, make_delta
from edge_contract.delta.lanes import differences
from edge_contract.delta.tensors import tensors_of
from edge_contract.errors import PackageError
from edge_contract.package import digest_of
from tests.support.onnx_files import dense_model

OLD = b"weights of monday" * 9
NEW = b"weights of monday" * 9 + b" and of tuesday"


def refusal(delta: Delta, *, old: bytes = OLD, max_bytes: int = 1_000) -> str:
    with pytest.raises(PackageError) as caught:
        apply_delta(old, delta, digest=digest_of(NEW), max_bytes=max_bytes)
    return str(caught.value)


def test_a_file_with_an_addition_is_patched_and_has_the_new_digest() -> None:
    delta = make_delta(OLD, NEW)

    assert delta.method is Method.PATCH
    assert len(delta.body) < delta.sizes[Method.FULL]
    assert apply_delta(OLD, delta, digest=digest_of(NEW), max_bytes=len(NEW)) == NEW


def test_weights_that_all_moved_a_little_are_written_as_differences_of_numbers() -> None:
    weights = [0.01 * (number * 7919 % 1009) - 5.0 for number in range(1, 3_000)]
    old = dense_model(weights)
    new = dense_model([weight * 1.0001 for weight in weights])

    delta = make_delta(old, new)

    assert delta.method is Method.TENSOR
    assert len(delta.body) * 1.5 < min(delta.sizes[Method.FULL], delta.sizes[Method.PATCH])
    assert apply_delta(old, delta, digest=digest_of(new), max_bytes=len(new)) == new


def test_neighbouring_floats_differ_by_one_on_both_sides_of_zero() -> None:
    old = struct.pack("<4f", 1.0, -1.0, -0.0, 0.0)
    new = struct.pack("<4f", 1.0000001192092896, -1.0000001192092896, 0.0, -0.0)

    change = differences(memoryview(old), memoryview(new), width=4, are_floats=True)

    assert change == bytes([2, 1, 2, 1]) + bytes(12)  # +1, -1, +1, -1, their upper bytes after them


@pytest.mark.parametrize(
    ("dtype", "width", "are_floats"),
    [("float32", 4, True), ("float16", 2, True), ("float64", 8, True), ("int8", 1, False)],
)
def test_initializers_are_found_in_a_file(dtype: str, width: int, are_floats: bool) -> None:
    data = dense_model([1.0, 2.0, 3.0], dtype=dtype, bias=0.5)

    weights, bias = tensors_of(data)

    assert (weights.name, weights.size_bytes) == (b"weights", 3 * width)
    assert (weights.width, weights.are_floats) == (width, are_floats)
    assert bias.name == b"bias"
    assert data[bias.start : bias.start + bias.size_bytes] == struct.pack("<f", 0.5)


@pytest.mark.parametrize("data", [b"", b"\x3a", b"\x3a\xff", b"\xff" * 40, b"\x3a\x02\x2a\x7f"])
def test_a_file_that_is_no_protobuf_has_no_initializers(data: bytes) -> None:
    assert tensors_of(data) == []


def test_a_delta_of_another_file_is_refused_with_both_files() -> None:
    delta = make_delta(OLD, NEW)

    message = refusal(delta, old=b"something else")

    assert message == "delta was made from file 072c12adcbef, found f41f3fa625ff here"


def test_a_delta_that_makes_too_much_is_refused_before_it_is_expanded() -> None:
    bomb = zlib.compress(b"\0" * 10_000_000)
    honest = replace(make_delta(OLD, NEW), method=Method.FULL, body=bomb, size_bytes=10_000_000)
    lying = replace(honest, size_bytes=len(NEW))

    assert refusal(honest) == "delta makes 10000000 bytes, allowed are 1000"
    assert "does not have 168 bytes" in refusal(lying)


def test_a_delta_with_a_compression_that_is_not_here_is_refused() -> None:
    delta = replace(make_delta(OLD, NEW), compression="zstd")

    assert refusal(delta) == (
        "delta needs compression 'zstd', here are ['zlib']: take the whole file"
    )


def test_a_delta_of_a_newer_kind_is_refused() -> None:
    data = bytearray(make_delta(OLD, NEW).to_bytes())
    data[4] = 9

    with pytest.raises(PackageError, match="method 9 and compression b'zlib', which are unknown"):
        Delta.from_bytes(bytes(data))


def test_a_delta_that_makes_another_version_is_refused() -> None:
    delta = make_delta(OLD, NEW + b"!")

    assert "it is damaged or belongs to another version" in refusal(delta)


@pytest.mark.parametrize(
    "region",
    [
        (0, 0, 1_000, 4, 1),  # beyond both files
        (0, 150, 8, 4, 1),  # beyond the old one
        (0, 0, 6, 4, 1),  # a number and a half
        (0, 0, 8, 3, 1),  # numbers of three bytes
        (0, 0, 8, 4, 2),  # neither floats nor not
        (2**64 - 8, 0, 8, 4, 1),
    ],
)
def test_a_region_that_cannot_be_is_refused(region: tuple[int, int, int, int, int]) -> None:
    places = Zlib().compress(struct.pack("<QQQBB", *region))
    body = struct.pack("<III", 1, len(places), 0) + places
    delta = replace(make_delta(OLD, NEW), method=Method.TENSOR, body=body)

    assert refusal(delta) == (
        "delta is damaged: region 0 does not lie in files of 153 and 168 bytes, "
        "behind the region before"
    )


def test_a_delta_with_too_many_regions_is_refused() -> None:
    delta = replace(
        make_delta(OLD, NEW), method=Method.TENSOR, body=struct.pack("<III", 100_001, 0, 0)
    )

    assert refusal(delta) == "delta has 100001 regions, allowed are 100000"
