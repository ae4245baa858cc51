"""Every package store of a device keeps the promises of ``edge_agent.ports.PackageStore``."""

import os
import shutil
from pathlib import Path

import pytest

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.ports import PackageStore
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import ArtifactRole, Manifest, Package, digest_of
from tests.support.disks import files_of_at_most
from tests.support.packages import binary, regression, with_version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "packages"


@pytest.fixture
def store(folder: Path) -> PackageStore:
    return FolderPackages(folder)


@pytest.fixture
def package() -> Package:
    return binary().package


def file_of(folder: Path, package: Package, path: str) -> Path:
    return folder / package.digest.replace(":", "-") / path


def described(store: PackageStore, package: Package) -> tuple[Manifest, bytes]:
    found = store.description(package.digest)
    assert found is not None
    return found[0], found[1].to_bytes()


def damage(file: Path) -> None:
    """Flip one bit."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_a_package_comes_back_as_it_was(store: PackageStore, package: Package) -> None:
    store.add(package)
    store.add(package)

    assert store.load(package.digest) == package
    assert store.digests() == [package.digest]
    assert described(store, package) == (package.manifest, package.reference().to_bytes())


def test_packages_are_still_there_after_a_restart(folder: Path, package: Package) -> None:
    FolderPackages(folder).add(package)
    assert FolderPackages(folder).load(package.digest) == package


def test_a_package_that_is_not_here_is_told(store: PackageStore, package: Package) -> None:
    with pytest.raises(PackageError, match=r"package [0-9a-f]{12} is not in '.*packages'"):
        store.load(package.digest)
    assert store.description(package.digest) is None
    assert store.intact_file(package.digest, "model.onnx") is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("manifest.json", "manifest of package .* is damaged; fetch it again"),
        ("model.onnx", "'model.onnx' has digest .* damaged or was tampered with; fetch it again"),
        ("reference.json", "'reference.json' has digest"),
        ("golden.json", "'golden.json' has digest"),
    ],
)
def test_one_flipped_bit_is_found_and_adding_the_package_again_mends_it(
    folder: Path, store: PackageStore, package: Package, path: str, said: str
) -> None:
    store.add(package)
    damage(file_of(folder, package, path))

    with pytest.raises(PackageError, match=said):
        store.load(package.digest)
    assert store.intact_file(package.digest, path) is None

    store.add(package)
    assert store.load(package.digest) == package


def test_a_file_that_is_missing_is_named(
    folder: Path, store: PackageStore, package: Package
) -> None:
    store.add(package)
    file_of(folder, package, "golden.json").unlink()
    with pytest.raises(PackageError, match=r"gate@1\.0\.0 in .* lacks 'golden\.json'.*; fetch"):
        store.load(package.digest)


def test_files_are_intact_one_by_one(folder: Path, store: PackageStore, package: Package) -> None:
    store.add(package)
    damage(file_of(folder, package, "golden.json"))

    assert store.intact_file(package.digest, "manifest.json") == package.manifest_bytes
    assert store.intact_file(package.digest, "model.onnx") == package.model()
    assert store.intact_file(package.digest, "golden.json") is None
    assert store.intact_file(package.digest, "nothing.txt") is None


def test_pruning_removes_models_and_keeps_descriptions_for_late_labels(
    folder: Path, store: PackageStore, package: Package
) -> None:
    newer = with_version(package, "1.1.0")
    store.add(package)
    store.add(newer)

    store.prune([newer.digest])

    assert store.load(newer.digest) == newer
    with pytest.raises(PackageError, match="lacks"):
        store.load(package.digest)
    assert not file_of(folder, package, "model.onnx").exists()
    assert described(store, package) == (package.manifest, package.reference().to_bytes())
    assert sorted(store.digests()) == sorted([package.digest, newer.digest])

    store.add(package)
    assert store.load(package.digest) == package


def test_of_packages_pruned_long_ago_nothing_is_left(
    folder: Path, store: PackageStore, package: Package
) -> None:
    versions = [with_version(package, f"1.{minor}.0") for minor in range(11)]
    for age, version in enumerate(reversed(versions)):
        store.add(version)
        place = file_of(folder, version, "")
        os.utime(place, (1e9 - age, 1e9 - age))  # the greater the version the younger

    store.prune([versions[10].digest])

    kept = {version.digest for version in versions[2:]}
    assert set(store.digests()) == kept
    assert store.description(versions[2].digest) is not None
    assert store.description(versions[1].digest) is None


def test_pruning_spares_downloads_of_packages_that_are_kept(folder: Path) -> None:
    store = FolderPackages(folder)
    ours, others = binary().package, regression().package
    for package in (ours, others):
        store.downloads(package.digest).mkdir()
        (store.downloads(package.digest) / "part").write_bytes(b"half of it")

    store.prune([ours.digest])

    assert (store.downloads(ours.digest) / "part").exists()
    assert not store.downloads(others.digest).exists()


def test_what_was_downloaded_of_a_package_is_gone_once_it_is_whole(
    folder: Path, package: Package
) -> None:
    store = FolderPackages(folder)
    store.downloads(package.digest).mkdir()

    store.add(package)

    assert list((folder / "partial").iterdir()) == []


def test_a_full_disk_keeps_nothing_of_a_package(
    folder: Path, store: PackageStore, package: Package
) -> None:
    largest = max(map(len, package.files.values()))
    with (
        files_of_at_most(largest - 1),
        pytest.raises(
            UnavailableError,
            match=r"cannot keep package gate@1\.0\.0 in '.*packages': File too large; check that",
        ),
    ):
        store.add(package)

    assert [path.name for path in folder.iterdir()] == ["partial"]
    store.add(package)
    assert store.load(package.digest) == package


def test_a_package_that_was_cut_off_while_it_was_written_is_not_there(
    folder: Path, package: Package
) -> None:
    FolderPackages(folder)
    (folder / "new-abc").mkdir()
    (folder / "new-abc" / "manifest.json").write_bytes(package.manifest_bytes)

    store = FolderPackages(folder)

    assert store.digests() == []
    assert not (folder / "new-abc").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "packages").write_text("a file in its place")
    with pytest.raises(UnavailableError, match=r"cannot make the package folder '.*packages'"):
        FolderPackages(tmp_path / "packages")


def test_a_file_is_found_by_its_digest_in_whichever_package_it_is(
    folder: Path, store: PackageStore, package: Package
) -> None:
    newer = with_version(package, "1.1.0")
    model = package.manifest.artifact(ArtifactRole.MODEL)
    store.add(package)
    store.add(newer)
    damage(file_of(folder, package, "model.onnx"))

    assert store.file_of(model.digest) == package.model(), "the other package has it undamaged"
    assert store.file_of(newer.digest) == newer.manifest_bytes
    assert store.file_of(digest_of(b"elsewhere")) is None

    damage(file_of(folder, newer, "model.onnx"))
    assert store.file_of(model.digest) is None


def test_packages_that_are_whole_are_listed_the_latest_first(
    folder: Path, store: PackageStore, package: Package
) -> None:
    versions = [with_version(package, f"1.{minor}.0") for minor in range(3)]
    for at_unix_s, version in enumerate(versions):
        store.add(version)
        os.utime(file_of(folder, version, ""), (1e9 + at_unix_s, 1e9 + at_unix_s))
    file_of(folder, versions[1], "golden.json").unlink()

    assert store.whole() == [versions[2].digest, versions[0].digest]


def test_a_pruned_package_is_not_whole(store: PackageStore, package: Package) -> None:
    newer = with_version(package, "1.1.0")
    store.add(package)
    store.add(newer)

    store.prune([newer.digest])

    assert store.whole() == [newer.digest]


def test_there_is_room_or_somebody_is_told(
    folder: Path, store: PackageStore, package: Package
) -> None:
    before = store.free_bytes()
    assert before > 0
    assert store.downloads(package.digest).is_relative_to(folder)

    shutil.rmtree(folder)
    with pytest.raises(UnavailableError, match="cannot see how much room there is for"):
        store.free_bytes()
