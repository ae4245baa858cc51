"""Large files of a package are verified where they lie, and read when they are asked for."""

from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.adapters.folder_packages import FolderPackages
from edge_contract.errors import PackageError
from edge_contract.package import Artifact, ArtifactRole, Package, digest_of
from tests.support.packages import binary


def large() -> Package:
    """A package whose model has two megabytes; nobody runs it."""
    package = binary().package
    model = bytes(range(256)) * 8000
    artifacts = tuple(_of(model, it) if it.role == ArtifactRole.MODEL else it
                      for it in package.manifest.artifacts)  # fmt: skip
    manifest = replace(package.manifest, artifacts=artifacts)
    path = manifest.artifact(ArtifactRole.MODEL).path
    return Package.verified(manifest.to_bytes(), {**package.files, path: model})


def _of(data: bytes, artifact: Artifact) -> Artifact:
    return replace(artifact, size=len(data), digest=digest_of(data))


def stored(folder: Path, package: Package) -> tuple[FolderPackages, Path]:
    store = FolderPackages(folder)
    store.add(package)
    return store, folder / package.digest.replace(":", "-") / "model.onnx"


def test_a_large_file_comes_back_as_it_was(tmp_path: Path) -> None:
    package = large()
    store, _ = stored(tmp_path, package)

    found = store.load(package.digest)

    assert found.model() == package.model()
    assert found == package
    assert len(found.files) == 3


def test_damage_to_a_large_file_is_found_before_anybody_reads_it(tmp_path: Path) -> None:
    package = large()
    store, model = stored(tmp_path, package)
    data = bytearray(model.read_bytes())
    data[1_500_000] ^= 1
    model.write_bytes(data)

    with pytest.raises(PackageError, match=r"'model\.onnx' has digest .* fetch it again"):
        store.load(package.digest)
    model.write_bytes(data[:-1])
    with pytest.raises(PackageError, match=r"'model\.onnx' has 2047999 bytes"):
        store.load(package.digest)
    model.unlink()
    with pytest.raises(PackageError, match=r"lacks 'model\.onnx': No such file"):
        store.load(package.digest)


def test_damage_after_that_is_found_when_it_is_read(tmp_path: Path) -> None:
    package = large()
    store, model = stored(tmp_path, package)
    found = store.load(package.digest)

    model.write_bytes(bytes(len(package.model())))

    with pytest.raises(PackageError, match=r"'model\.onnx' has digest"):
        found.model()


def test_a_package_that_was_just_handed_over_is_not_read_back_once(tmp_path: Path) -> None:
    package = large()
    store = FolderPackages(tmp_path)

    store.add_and_load_next(package)

    assert store.load(package.digest) is package
    assert store.load(package.digest) is not package
