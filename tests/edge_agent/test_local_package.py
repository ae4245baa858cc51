from pathlib import Path

import pytest

from edge_agent.local_package import package_at
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import MANIFEST_NAME, Package
from tests.support.packages import binary


@pytest.fixture
def package() -> Package:
    return binary().package


def unpacked(package: Package, folder: Path) -> Path:
    folder.mkdir()
    (folder / MANIFEST_NAME).write_bytes(package.manifest_bytes)
    for path, data in package.files.items():
        (folder / path).write_bytes(data)
    return folder


@pytest.mark.parametrize("kind", [str, Path])
def test_one_file_and_an_unpacked_folder_are_packages(
    package: Package, tmp_path: Path, kind: type[str] | type[Path]
) -> None:
    file = tmp_path / "gate.modelpkg"
    file.write_bytes(package.to_archive())

    assert package_at(kind(file)) == package
    assert package_at(kind(unpacked(package, tmp_path / "gate"))) == package


def test_a_name_is_no_path_even_if_a_folder_beside_the_program_is_called_so(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gate").mkdir()
    assert package_at("gate") is None

    (tmp_path / "gate").rmdir()
    unpacked(package, tmp_path / "gate")
    assert package_at("gate") == package


@pytest.mark.parametrize("name", ["gate.modelpkg", "folder/gate", Path("gate")])
def test_a_path_where_nothing_is_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"there is no model package at '.*gate.*'"):
        package_at(name)


def test_a_damaged_package_is_told_with_its_path(package: Package, tmp_path: Path) -> None:
    archive = bytearray(package.to_archive())
    archive[len(archive) // 2] ^= 1
    (tmp_path / "gate.modelpkg").write_bytes(archive)
    with pytest.raises(PackageError, match=r"gate\.modelpkg': "):
        package_at(tmp_path / "gate.modelpkg")

    folder = unpacked(package, tmp_path / "gate")
    (folder / "model.onnx").write_bytes(b"rust")
    with pytest.raises(PackageError, match=r"gate': package gate@1\.0\.0: 'model\.onnx' has 4 byt"):
        package_at(folder)

    (tmp_path / "other.modelpkg").write_text("something else")
    with pytest.raises(PackageError, match=r"other\.modelpkg': not a readable model package"):
        package_at(str(tmp_path / "other.modelpkg"))


def test_a_file_of_an_unpacked_package_that_is_missing_is_named(
    package: Package, tmp_path: Path
) -> None:
    folder = unpacked(package, tmp_path / "gate")
    (folder / "golden.json").unlink()
    with pytest.raises(UsageError, match=r"golden\.json"):
        package_at(folder)
