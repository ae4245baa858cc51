"""Offers and parcels: read as written, or refused with the place that is wrong."""

import json

import pytest

from edge_contract.delta import FileOffer, Offer, Parcel, Way, is_worth_it
from edge_contract.errors import PackageError
from edge_contract.package import digest_of

DATA = bytes(range(256)) * 2_400  # 614,400 bytes: three chunks
PARCEL = Parcel.of(DATA)
OFFER = Offer(
    (
        FileOffer(PARCEL, (Way(Parcel.of(b"delta"), digest_of(b"old")), Way(Parcel.of(b"alone")))),
        FileOffer(Parcel.of(b"")),
    ),
    is_growing=True,
)


def test_a_file_is_cut_into_chunks_of_a_quarter_mebibyte() -> None:
    assert (PARCEL.digest, PARCEL.size_bytes) == (digest_of(DATA), 614_400)
    assert [PARCEL.span(index) for index in range(3)] == [
        (0, 262_144),
        (262_144, 524_288),
        (524_288, 614_400),
    ]
    assert len(PARCEL.chunks) == 3


def test_a_chunk_with_a_wrong_byte_is_told_from_the_right_one() -> None:
    chunk = DATA[262_144:524_288]

    assert PARCEL.is_right(1, chunk)
    assert not PARCEL.is_right(1, chunk[:-1] + b"!")
    assert not PARCEL.is_right(1, chunk[:-1])


def test_an_empty_file_has_no_chunks() -> None:
    assert Parcel.of(b"").chunks == ()


def test_an_offer_is_read_as_it_was_written() -> None:
    assert Offer.from_bytes(OFFER.to_bytes()) == OFFER


def test_what_is_offered_for_a_file_is_found_by_its_digest() -> None:
    assert OFFER.of(PARCEL.digest) == OFFER.files[0]
    assert OFFER.of(digest_of(b"elsewhere")) is None


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("growing",), 1, "offer.growing is 1, expected true or false"),
        (("files", 0, "digest"), "sha256:0", r"offer.files\[0\].digest is 'sha256:0'"),
        (("files", 0, "size"), -1, r"offer.files\[0\].size is -1, expected a whole number from 0"),
        (("files", 0, "size"), 2**40, r"offer.files\[0\].size is 1099511627776"),
        (("files", 0, "chunk_bytes"), 1, r"offer.files\[0\].chunk_bytes is 1"),
        (("files", 0, "chunks"), "00", r"expected 12 digits for each 262144 of 614400 bytes"),
        (("files", 0, "chunks"), "Z" * 36, r"offer.files\[0\].chunks is"),
        (("files", 0, "ways", 0, "old"), "yes", r"offer.files\[0\].ways\[0\].old is 'yes'"),
        (("files", 0, "ways"), [{}] * 5, "expected a list of at most 4 items"),
        (("files",), [{}] * 65, "expected a list of at most 64 items"),
    ],
)
def test_an_offer_that_is_wrong_is_refused_with_its_place(
    path: tuple[str | int, ...], value: object, message: str
) -> None:
    document = json.loads(OFFER.to_bytes())
    part = document
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value

    with pytest.raises(PackageError, match=message):
        Offer.from_bytes(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, b"NaN"])
def test_what_is_no_json_is_no_offer(data: bytes) -> None:
    with pytest.raises(PackageError, match="offer is no JSON"):
        Offer.from_bytes(data)


@pytest.mark.parametrize(("size_bytes", "worth_it"), [(95, True), (96, False), (0, True)])
def test_a_way_must_save_a_twentieth(size_bytes: int, worth_it: bool) -> None:
    assert is_worth_it(size_bytes, instead_of=100) is worth_it
