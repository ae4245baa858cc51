"""Packages on disk are whole, verified, and the same for the same model."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from converters.package_files import load_package, require_place, save_package, save_unpacked
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.package import Package, canonical_json
from tests.converters.helpers import flowers, quietly_converted


@pytest.fixture(scope="module")
def package() -> Package:
    rows, labels = flowers()
    return quietly_converted(LogisticRegression(max_iter=500).fit(rows, labels), rows, labels)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_package_is_written_into_a_folder_and_read_back(tmp_path: Path, package: Package) -> None:
    path = save_package(package, tmp_path / "new" / "folder")

    assert path == tmp_path / "new" / "folder" / "m-1.0.0.modelpkg"
    assert names_in(path.parent) == ["m-1.0.0.modelpkg"]
    read = load_package(path)
    assert read.digest == package.digest
    assert read.files == package.files


def test_a_package_is_written_to_a_file_and_replaces_what_was_there(
    tmp_path: Path, package: Package
) -> None:
    path = tmp_path / "flowers.modelpkg"
    path.write_bytes(b"older")

    save_package(package, str(path))

    assert load_package(str(path)).digest == package.digest
    assert names_in(tmp_path) == ["flowers.modelpkg"]


def test_an_unpacked_package_is_read_from_its_folder(tmp_path: Path, package: Package) -> None:
    folder = save_unpacked(package, tmp_path / "flowers")

    assert names_in(folder) == [
        "golden.json",
        "manifest.json",
        "model.onnx",
        "reference.json",
    ]
    assert load_package(folder).digest == package.digest
    with pytest.raises(UsageError, match="exists already: name a folder that does not"):
        save_unpacked(package, folder)


def test_one_flipped_byte_of_the_model_is_noticed(tmp_path: Path, package: Package) -> None:
    path = save_package(package, tmp_path)
    data = bytearray(path.read_bytes())
    place = data.index(package.model()) + len(package.model()) // 2
    data[place] ^= 1
    path.write_bytes(data)

    with pytest.raises(PackageError, match=r"m-1\.0\.0\.modelpkg': "):
        load_package(path)


def test_one_flipped_byte_in_a_folder_is_noticed(tmp_path: Path, package: Package) -> None:
    folder = save_unpacked(package, tmp_path / "flowers")
    model = folder / "model.onnx"
    data = bytearray(model.read_bytes())
    data[-1] ^= 0x80
    model.write_bytes(data)

    with pytest.raises(PackageError, match=r"'model\.onnx' has digest .* damaged or was tampered"):
        load_package(folder)


def test_a_file_that_is_missing_is_named(tmp_path: Path, package: Package) -> None:
    folder = save_unpacked(package, tmp_path / "flowers")
    (folder / "golden.json").unlink()

    with pytest.raises(UsageError, match="cannot read a package from"):
        load_package(folder)


def test_a_manifest_of_a_newer_schema_asks_for_an_upgrade(tmp_path: Path, package: Package) -> None:
    folder = save_unpacked(package, tmp_path / "flowers")
    newer = {**json.loads(package.manifest_bytes), "schema": 99}
    (folder / "manifest.json").write_bytes(canonical_json(newer))

    with pytest.raises(PackageError, match=r"manifest has schema 99, .*: upgrade edgefleet"):
        load_package(folder)


def test_what_is_no_package_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("hello")

    with pytest.raises(PackageError, match=r"notes\.txt': not a readable model package"):
        load_package(path)
    with pytest.raises(UsageError, match=r"cannot read a package from .*: No such file"):
        load_package(tmp_path / "nowhere")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, package: Package) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UsageError, match=r"cannot write '.*file/m-1\.0\.0\.modelpkg': .*choose"):
        save_package(package, tmp_path / "file")
    with pytest.raises(UsageError, match=r"cannot write '.*file/inner'"):
        save_unpacked(package, tmp_path / "file" / "inner")

    assert names_in(tmp_path) == ["file"]


def test_a_place_is_refused_before_there_is_a_package(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    require_place(tmp_path / "new" / "folder")
    require_place(tmp_path / "m.modelpkg")

    with pytest.raises(UsageError, match=r"cannot write into '.*file/new': '.*file' is a file"):
        require_place(tmp_path / "file" / "new")

    assert names_in(tmp_path) == ["file"]


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(UnavailableError, match="No space left on device; make room"):
        save_package(package, tmp_path)
    with pytest.raises(UnavailableError, match="No space left on device; make room"):
        save_unpacked(package, tmp_path / "flowers")

    assert names_in(tmp_path) == []


def test_the_same_model_and_rows_give_the_same_package_but_for_its_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no commit can come between
    packages: list[Package] = []
    for _ in range(2):
        rows, labels = flowers()
        model = LogisticRegression(max_iter=500).fit(rows, labels)
        packages.append(quietly_converted(model, rows, labels))

    manifests = [{**json.loads(it.manifest_bytes), "created": ""} for it in packages]

    assert packages[0].files == packages[1].files
    assert manifests[0] == manifests[1]
    assert packages[0].to_archive() == packages[0].to_archive()


def test_other_rows_have_another_digest() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    moved = rows + np.float64(1e-9)

    digests = {
        quietly_converted(model, data).manifest.lineage["data_digest"] for data in (rows, moved)
    }

    assert len(digests) == 2
