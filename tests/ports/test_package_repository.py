"""Every repository of packages keeps the promises of ``cloud_sync.ports.PackageRepository``."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.adapters.warehouse_evidence import WarehouseEvidence
from cloud_sync.ports import PackageRepository, PackageVersion
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.package import (
    ArtifactRole,
    Package,
    Reference,
    Role,
    Strata,
    StrataKind,
    StrataSpec,
    Stratum,
    digest_of,
)
from tests.support.disks import files_of_at_most
from tests.support.packages import altered
from tests.support.telemetry import counting_package
from tests.support.tiny_package import tiny_package

V1 = counting_package("1.0.0")
V2 = counting_package("2.0.0")


@pytest.fixture
def open_repository(tmp_path: Path) -> Callable[[], FolderRegistry]:
    """Opens the same repository again and again, as restarts do."""
    return lambda: FolderRegistry(tmp_path / "registry")


@pytest.fixture
def repository(open_repository: Callable[[], FolderRegistry]) -> Iterator[PackageRepository]:
    with closing(open_repository()) as opened:
        yield opened


def put(repository: PackageRepository, *packages: Package) -> list[PackageVersion]:
    return [
        repository.put(package, at_unix_s=float(index)) for index, package in enumerate(packages)
    ]


def test_a_package_is_found_by_its_digest(repository: PackageRepository) -> None:
    assert repository.find(V1.digest) is None

    (version,) = put(repository, V1)

    assert version == PackageVersion("digits", "1.0.0", V1.digest, 0.0)
    found = repository.find(V1.digest)
    assert found is not None
    assert found.manifest == V1.manifest
    assert found.specs[Role.PRIMARY] == V1.reference().profile.spec


def test_every_file_of_a_package_lies_under_its_digest(repository: PackageRepository) -> None:
    put(repository, V1)

    assert repository.blob_path(V1.digest).read_bytes() == V1.manifest_bytes
    for artifact in V1.manifest.artifacts:
        data = repository.blob_path(artifact.digest).read_bytes()
        assert data == V1.files[artifact.path]


def test_a_file_that_is_not_there_is_refused(repository: PackageRepository) -> None:
    with pytest.raises(UsageError, match=f"no file of digest {digest_of(b'')}"):
        repository.blob_path(digest_of(b""))
    with pytest.raises(UsageError, match="is not sha256: and 64 hexadecimal digits"):
        repository.blob_path("sha256:../../../etc/passwd")


def test_pushing_the_same_package_again_changes_nothing(repository: PackageRepository) -> None:
    put(repository, V1)

    again = repository.put(V1, at_unix_s=99.0)

    assert again.pushed_unix_s == 0.0
    assert repository.versions("digits") == [again]


def test_a_version_never_changes_its_content(repository: PackageRepository) -> None:
    put(repository, V1)

    with pytest.raises(
        UsageError, match=r"digits@1\.0\.0 is in the registry with other content .* new version"
    ):
        repository.put(counting_package("1.0.0", model=b"other weights"), at_unix_s=1.0)

    assert [version.digest for version in repository.versions("digits")] == [V1.digest]


def test_a_package_that_nobody_can_count_for_is_refused(repository: PackageRepository) -> None:
    with pytest.raises(PackageError, match=r"digits@1\.0\.0 has no file for reference"):
        repository.put(tiny_package(), at_unix_s=0.0)

    assert repository.models() == []


def test_a_package_of_a_time_zone_that_is_not_known_here_is_refused(
    repository: PackageRepository,
) -> None:
    def by_hour(data: bytes) -> bytes:
        reference = Reference.from_bytes(data)
        spec = StrataSpec(StrataKind.HOUR_OF_DAY, "Atlantis/Poseidonis")
        parts = {"00": Stratum(reference.rows, reference.profile)}
        return replace(reference, strata=Strata(spec, parts)).to_bytes()

    package = altered(V1, ArtifactRole.REFERENCE, by_hour)

    with pytest.raises(UsageError, match="Atlantis/Poseidonis"):
        repository.put(package, at_unix_s=0.0)

    assert repository.models() == []


def test_the_first_version_of_a_model_becomes_its_stable_one(
    repository: PackageRepository,
) -> None:
    first, second = put(repository, V1, V2)

    assert repository.stable("digits") == first

    repository.set_stable("digits", "2.0.0")

    assert repository.stable("digits") == second


def test_versions_are_listed_newest_first(repository: PackageRepository) -> None:
    put(repository, *(counting_package(v) for v in ("1.9.0", "1.10.0", "1.10.0-rc.1", "1.2.0")))
    put(repository, counting_package("1.0.0", name="plates"))

    assert [version.version for version in repository.versions("digits")] == [
        "1.10.0",
        "1.10.0-rc.1",
        "1.9.0",
        "1.2.0",
    ]
    assert repository.models() == ["digits", "plates"]


def test_models_and_versions_that_are_not_there_are_named(repository: PackageRepository) -> None:
    put(repository, V1, V2)

    with pytest.raises(UsageError, match="model 'plates' is not in the registry"):
        repository.versions("plates")
    with pytest.raises(UsageError, match=r"model 'digits' has no version '3.0.0'; it has 2.0.0, 1"):
        repository.version("digits", "3.0.0")
    with pytest.raises(UsageError, match="has no version"):
        repository.set_stable("digits", "3.0.0")


def test_everything_is_there_after_a_restart(
    open_repository: Callable[[], FolderRegistry],
) -> None:
    with closing(open_repository()) as before:
        put(before, V1, V2)
        before.set_stable("digits", "2.0.0")

    with closing(open_repository()) as after:
        assert [version.digest for version in after.versions("digits")] == [V2.digest, V1.digest]
        assert after.stable("digits").version == "2.0.0"
        found = after.find(V2.digest)
        assert found is not None
        assert found.manifest == V2.manifest


def test_a_second_process_on_the_folder_is_refused(
    open_repository: Callable[[], FolderRegistry],
) -> None:
    in_use = r"registry folder '.*' is in use by another process"

    with closing(open_repository()), pytest.raises(UsageError, match=in_use):
        open_repository()


def test_a_push_that_was_cut_off_leaves_no_version_and_no_rubbish(
    open_repository: Callable[[], FolderRegistry], tmp_path: Path
) -> None:
    with closing(open_repository()) as before:
        put(before, V1)
        place = before.blob_path(V1.digest).parent
    (place / ".unfinished-abc").write_bytes(b"half a mod")
    (tmp_path / "registry" / ".unfinished-def").write_bytes(b"{")

    with closing(open_repository()) as after:
        assert [version.version for version in after.versions("digits")] == ["1.0.0"]

    assert list((tmp_path / "registry").rglob(".unfinished-*")) == []


def test_a_push_that_does_not_fit_on_the_disk_leaves_everything_as_it_was(
    repository: PackageRepository,
) -> None:
    put(repository, V1)
    large = counting_package("2.0.0", model=b"w" * 500_000)

    with (
        files_of_at_most(100_000),
        pytest.raises(UnavailableError, match="make room on the disk"),
    ):
        repository.put(large, at_unix_s=1.0)

    assert [version.version for version in repository.versions("digits")] == ["1.0.0"]
    assert repository.put(large, at_unix_s=2.0).pushed_unix_s == 2.0


def test_pushing_again_repairs_a_damaged_file(
    open_repository: Callable[[], FolderRegistry],
) -> None:
    with closing(open_repository()) as before:
        put(before, V1)
        before.blob_path(V1.digest).write_bytes(b"\x00" * 10)

    with closing(open_repository()) as after:
        with pytest.raises(UnavailableError, match=r"cannot be read: .*restore the folder"):
            after.find(V1.digest)

        put(after, V1)

        assert after.blob_path(V1.digest).read_bytes() == V1.manifest_bytes
        assert after.find(V1.digest) is not None


def test_a_damaged_index_is_refused_and_kept(
    open_repository: Callable[[], FolderRegistry], tmp_path: Path
) -> None:
    with closing(open_repository()) as before:
        put(before, V1)
    index = tmp_path / "registry" / "packages.json"
    index.write_text('{"models": {"digits": {"stable": 1}}}')

    with pytest.raises(UnavailableError, match=r"index '.*packages\.json' cannot be read"):
        open_repository()

    assert index.read_text() == '{"models": {"digits": {"stable": 1}}}'


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(UnavailableError, match=r"cannot use the registry folder '.*file/data'"):
        FolderRegistry(tmp_path / "file" / "data")


def test_registry_and_warehouse_share_a_data_folder(tmp_path: Path) -> None:
    with closing(FolderRegistry(tmp_path)) as repository, closing(SqliteWarehouse(tmp_path)) as w:
        put(repository, V1)
        evidence = WarehouseEvidence(repository, w)

        assert evidence.package(V1.digest).manifest == V1.manifest
        assert evidence.cohort(V1.digest).counters.rows == 0
        assert evidence.by_device(V1.digest, Role.SHADOW) == {}
        with pytest.raises(UsageError, match="is not in the registry: push it first"):
            evidence.cohort(V2.digest)
