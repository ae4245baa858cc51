"""The object folder of samples: Parquet with provenance, bounded in size and time."""

import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cloud_sync.adapters.sample_folder import SampleFolder, SampleSource
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.samples import SampleParcel, SampleRow, sample_columns
from tests.support.packages import mixed
from tests.support.picture_files import colours

DAY_S = 86_400.0
MANIFEST = mixed().package.manifest


def parcel(*, rows: int = 2) -> SampleParcel:
    kinds = [column.kind for column in sample_columns(MANIFEST)]
    cells = tuple("rød" if kind == "text" else 1.5 for kind in kinds)
    row = SampleRow(
        prediction_id="ab.cd",
        at_unix_s=1_800_000_000.25,
        reasons=("drifted", "random"),
        predicted="yes",
        score=0.75,
        cells=cells,
    )
    return SampleParcel("sha256:aa", "labelling", is_last=True, rows=(row,) * rows)


def folder(path: Path, *, most_bytes: int = 2**20) -> SampleFolder:
    return SampleFolder(path / "samples", keep_days=30.0, most_bytes=most_bytes)


def test_a_parcel_is_a_file_with_the_place_of_every_row(tmp_path: Path) -> None:
    kept = folder(tmp_path)
    source = SampleSource("cam-1", "c7", 3)

    file = kept.write(parcel(), source, MANIFEST)
    kept.write(parcel(), source, MANIFEST)

    table = pq.read_table(kept.path(file.name))
    first = table.to_pylist()[0]
    assert file.name == f"{MANIFEST.name}/{MANIFEST.version}/c7-cam-1-0003.parquet"
    assert [one.name for one in kept.files()] == [file.name]
    assert table.num_rows == 2
    assert first["at"].isoformat() == "2027-01-15T08:00:00.250000+00:00"
    assert (first["device"], first["command"], first["purpose"]) == ("cam-1", "c7", "labelling")
    assert (first["reason"], first["truth"], first["candidate"]) == ("drifted,random", None, None)
    assert "rød" in first.values()
    assert [n for n in table.column_names if ":" in n] == [c.name for c in sample_columns(MANIFEST)]


def test_pictures_come_as_png(tmp_path: Path) -> None:
    manifest = colours().manifest
    row = SampleRow(
        prediction_id="a.b",
        at_unix_s=1.0,
        reasons=(),
        predicted="",
        score=0.0,
        cells=(b"\x89PNG",),
    )

    file = folder(tmp_path).write(
        SampleParcel("sha256:aa", "labelling", is_last=True, rows=(row,)),
        SampleSource("cam-1", "c7", 0),
        manifest,
    )

    (column,) = sample_columns(manifest)
    (found,) = pq.read_table(folder(tmp_path).path(file.name)).to_pylist()
    assert column.kind == "picture"
    assert found[column.name] == b"\x89PNG"


def test_no_more_is_taken_than_there_is_room_for(tmp_path: Path) -> None:
    kept = folder(tmp_path, most_bytes=7_000)
    kept.write(parcel(), SampleSource("cam-1", "c7", 0), MANIFEST)

    with pytest.raises(UnavailableError, match="start the cloud with a larger --samples-mb"):
        kept.write(parcel(), SampleSource("cam-1", "c7", 1), MANIFEST)

    assert len(kept.files()) == 1


def test_files_go_when_they_are_too_old(tmp_path: Path) -> None:
    kept = folder(tmp_path)
    old = kept.write(parcel(), SampleSource("cam-1", "c7", 0), MANIFEST)
    new = kept.write(parcel(), SampleSource("cam-1", "c8", 0), MANIFEST)
    os.utime(kept.path(old.name), (1000.0, 1000.0))
    os.utime(kept.path(new.name), (1000.0 + 20 * DAY_S,) * 2)

    gone = kept.expire(1000.0 + 31 * DAY_S)

    assert gone == 1
    assert [one.name for one in kept.files()] == [new.name]


@pytest.mark.parametrize(
    "name",
    ["", "x", "../a/b.parquet", "a/../b.parquet", "a/b/../c.parquet", "a/b/.parquet", "/a/b"],
)
def test_no_other_file_has_a_place(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.parquet").write_bytes(b"secret")

    with pytest.raises(UsageError, match="there are no samples"):
        folder(tmp_path).path(name)
