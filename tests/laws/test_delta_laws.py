"""A delta makes the new file or nothing, whatever the files are and whatever happens to it."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import (
    Compression,
    Delta,
    FileOffer,
    Method,
    Offer,
    Parcel,
    Way,
    Zlib,
    apply_delta,
    make_delta,
)
from edge_contract.delta.lanes import WIDTHS, differences, restored
from edge_contract.errors import PackageError
from edge_contract.package import digest_of
from tests.support.onnx_files import dense_model

COMPRESSIONS: tuple[Compression, ...] = (Zlib(), Zstd())

compressions = st.sampled_from(COMPRESSIONS)
methods = st.sampled_from(Method)
weights = st.lists(st.floats(width=32), min_size=1, max_size=40)


@st.composite
def versions(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """An old and a new file: unrelated, or with much in common, or ONNX models."""
    old = draw(st.binary(max_size=300))
    new = draw(st.binary(max_size=300))
    match draw(st.sampled_from(["unrelated", "edited", "models", "damaged model"])):
        case "unrelated":
            return old, new
        case "edited":
            cut = draw(st.integers(0, len(old)))
            return old, old[:cut] + new + old[cut:]
        case "models":
            return dense_model(draw(weights)), dense_model(draw(weights))
        case _:
            model = dense_model(draw(weights))
            cut = draw(st.integers(0, len(model)))
            return model, model[:cut] + new


def applied(old: bytes, delta: Delta, new: bytes) -> bytes:
    return apply_delta(
        old, delta, digest=digest_of(new), max_bytes=len(new), compressions=COMPRESSIONS
    )


@given(files=versions(), compression=compressions, method=methods)
@example(files=(b"", b""), compression=Zstd(), method=Method.TENSOR)
@example(files=(b"\x37\xa4\x30\xec" * 9, b"\x37\xa4\x30\xec"), compression=Zstd(), method=Method(2))
def test_every_method_gives_the_new_file_back(
    files: tuple[bytes, bytes], compression: Compression, method: Method
) -> None:
    old, new = files

    delta = make_delta(old, new, compression=compression, methods=[method])

    assert delta.method is method
    assert applied(old, Delta.from_bytes(delta.to_bytes()), new) == new


@given(files=versions(), compression=compressions)
def test_the_smallest_method_is_taken(files: tuple[bytes, bytes], compression: Compression) -> None:
    old, new = files

    delta = make_delta(old, new, compression=compression)

    assert set(delta.sizes) == set(Method)
    assert len(delta.body) == delta.sizes[delta.method] == min(delta.sizes.values())
    assert applied(old, delta, new) == new


@given(
    files=versions(),
    compression=compressions,
    method=methods,
    place=st.integers(0),
    change=st.integers(1, 255),
)
def test_a_delta_with_a_wrong_byte_makes_the_new_file_or_is_refused(
    files: tuple[bytes, bytes], compression: Compression, method: Method, place: int, change: int
) -> None:
    old, new = files
    data = bytearray(make_delta(old, new, compression=compression, methods=[method]).to_bytes())
    data[place % len(data)] ^= change

    try:
        made = applied(old, Delta.from_bytes(bytes(data)), new)
    except PackageError:
        return

    assert made == new


@given(files=versions(), compression=compressions, method=methods, kept=st.floats(0, 1))
def test_a_delta_that_is_cut_off_or_followed_by_something_is_refused(
    files: tuple[bytes, bytes], compression: Compression, method: Method, kept: float
) -> None:
    old, new = files
    data = make_delta(old, new, compression=compression, methods=[method]).to_bytes()
    cut = data[: min(int(kept * len(data)), len(data) - 1)]

    for damaged in (cut, data + b"\0"):
        with pytest.raises(PackageError):
            applied(old, Delta.from_bytes(damaged), new)


@given(
    old=st.binary(max_size=300), body=st.binary(max_size=300), method=methods, known=compressions
)
def test_a_body_of_anything_is_refused(
    old: bytes, body: bytes, method: Method, known: Compression
) -> None:
    honest = make_delta(old, b"other", compression=known, methods=[method])
    forged = Delta(method, honest.compression, honest.old, 10_000, body)

    with pytest.raises(PackageError):
        apply_delta(old, forged, digest=digest_of(b""), max_bytes=10_000, compressions=COMPRESSIONS)


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_delta_are_refused_or_read_as_written(data: bytes) -> None:
    try:
        delta = Delta.from_bytes(data)
    except PackageError:
        return

    assert delta.to_bytes() == data


@given(place=st.integers(0), byte=st.integers(0, 255), cut=st.integers(0, 400))
def test_an_offer_with_a_wrong_byte_or_without_its_end_is_read_or_refused(
    place: int, byte: int, cut: int
) -> None:
    way = Way(Parcel.of(b"delta"), digest_of(b"old"))
    data = bytearray(Offer((FileOffer(Parcel.of(b"file"), (way,)),)).to_bytes())
    data[place % len(data)] = byte
    damaged = bytes(data[: len(data) - min(cut, len(data))])

    try:
        offer = Offer.from_bytes(damaged)
    except PackageError:
        return

    assert Offer.from_bytes(offer.to_bytes()) == offer


@given(
    width=st.sampled_from(WIDTHS),
    are_floats=st.booleans(),
    data=st.data(),
    repeats=st.sampled_from([1, 1, 1, 2_000]),  # a part of a chunk, or several chunks
)
def test_differences_are_undone_bit_by_bit(
    width: int, are_floats: bool, data: st.DataObject, repeats: int
) -> None:
    count = data.draw(st.integers(0, 20)) * width
    old = data.draw(st.binary(min_size=count, max_size=count)) * repeats
    new = data.draw(st.binary(min_size=count, max_size=count)) * repeats

    before, after = memoryview(old), memoryview(new)
    change = differences(before, after, width=width, are_floats=are_floats)

    blocks = restored(before, memoryview(change), width=width, are_floats=are_floats)
    assert b"".join(blocks) == new


@given(
    numbers=st.lists(st.floats(0.0, width=32), min_size=3, max_size=3).map(sorted),
    sign=st.sampled_from([1.0, -1.0]),
)
def test_a_float_that_is_further_away_has_no_smaller_difference(
    numbers: list[float], sign: float
) -> None:
    first, second, third = (
        memoryview(struct.pack("<f", sign * (number + 0.0))) for number in numbers
    )

    near = differences(first, second, width=4, are_floats=True)
    far = differences(first, third, width=4, are_floats=True)

    assert int.from_bytes(near, "little") <= int.from_bytes(far, "little")
