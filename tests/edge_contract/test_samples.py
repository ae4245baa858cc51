"""Parcels of samples say what they hold, whatever the numbers."""

import math

import pytest

from edge_contract.errors import MessageError
from edge_contract.samples import (
    MAX_PARCEL_BYTES,
    SampleColumn,
    SampleKind,
    SampleParcel,
    SampleRow,
)

COLUMNS = (
    SampleColumn("feature:a", SampleKind.NUMBER),
    SampleColumn("feature:b", SampleKind.TEXT),
    SampleColumn("input:image", SampleKind.PICTURE),
    SampleColumn("input:wave", SampleKind.TENSOR),
)


def row(*cells: float | str | bytes | tuple[float, ...] | None, score: float = 0.25) -> SampleRow:
    return SampleRow(
        prediction_id="abc.DEF-_9",
        at_unix_s=1000.5,
        reasons=("uncertain", "random"),
        predicted="dør",
        score=score,
        candidate="1.1.0",
        candidate_predicted="window",
        cells=cells,
    )


def parcel(*rows: SampleRow) -> SampleParcel:
    return SampleParcel("sha256:aa", "labelling", is_last=True, detail="sent", rows=rows)


def test_a_parcel_comes_back_as_it_was_sent_odd_numbers_included() -> None:
    sent = parcel(
        row(1.5, "å", b"\x89PNG\0\xff", (1.0, -2.0)),
        row(math.inf, None, None, (), score=-math.inf),
    )

    found = SampleParcel.from_bytes(sent.to_bytes(), lambda _package: COLUMNS)

    assert found == sent


def test_missing_numbers_come_back_missing() -> None:
    sent = parcel(row(math.nan, "", b"", (math.nan,), score=math.nan))

    (found,) = SampleParcel.from_bytes(sent.to_bytes(), lambda _package: COLUMNS).rows

    number, text, picture, wave = found.cells
    assert isinstance(number, float)
    assert math.isnan(number)
    assert math.isnan(found.score)
    assert (text, picture) == ("", b"")
    assert isinstance(wave, tuple)
    assert math.isnan(wave[0])


def test_a_row_that_was_kept_twice_is_one_row_with_all_reasons() -> None:
    first = SampleRow(
        prediction_id="x", at_unix_s=1.0, reasons=("drifted",), predicted="3", score=0.5
    )
    second = SampleRow(
        prediction_id="x",
        at_unix_s=1.5,
        reasons=("disagreeing",),
        predicted="3",
        score=0.5,
        candidate="2.0.0",
        candidate_predicted="4",
    )

    found = first.joined(second)

    assert found.reasons == ("disagreeing", "drifted")
    assert (found.candidate, found.candidate_predicted) == ("2.0.0", "4")
    assert found.at_unix_s == 1.0


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff", "no JSON"),
        (b"{}", "expected a list"),
        (b'[2,"sha256:aa","x",true,"",[]]', "whole number from 1 to 1"),
        (b'[1,"sha256:aa","x",1,"",[]]', "expected true or false"),
        (b'[1,"sha256:aa","x",true,"",[["id",1,[],"",null,"","",[1]]]]', "4 values, one for each"),
        (
            b'[1,"sha256:aa","x",true,"",[["id",1,["odd"],"",null,"","",[1,"",null,[]]]]]',
            "uncertain",
        ),
        (b'[1,"sha256:aa","x",true,"",[["id",1,[],"",null,"","",["x","",null,[]]]]]', "-\\?inf"),
        (b'[1,"sha256:aa","x",true,"",[["id",1,[],"",null,"","",[1,"","%",[]]]]]', "base64"),
        (b'[1,"sha256:aa","x",true,"",[["../x",1,[],"",null,"","",[1,"",null,[]]]]]', "matches"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(data: bytes, message: str) -> None:
    with pytest.raises(MessageError, match=message):
        SampleParcel.from_bytes(data, lambda _package: COLUMNS)


def test_a_parcel_that_is_too_large_is_not_made() -> None:
    with pytest.raises(MessageError, match="allowed are 8388608"):
        parcel(row(1.0, "", bytes(MAX_PARCEL_BYTES), ())).to_bytes()
