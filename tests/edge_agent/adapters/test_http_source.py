"""Packages come over HTTP whole, from a real server on loopback that misbehaves in turn."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.http_source import HttpSource
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import ArtifactRole, Package
from tests.support.disks import files_of_at_most
from tests.support.http_registry import HttpRegistry, running
from tests.support.packages import digits


@pytest.fixture
def package() -> Package:
    return digits().package


@pytest.fixture
def registry(package: Package) -> Iterator[HttpRegistry]:
    with running(HttpRegistry()) as registry:
        registry.put(package)
        yield registry


@pytest.fixture
def store(tmp_path: Path) -> FolderPackages:
    return FolderPackages(tmp_path)


@pytest.fixture
def source() -> HttpSource:
    return HttpSource("127.0.0.1", timeout_s=0.2)


def model_of(package: Package) -> str:
    return package.manifest.artifact(ArtifactRole.MODEL).digest


def test_a_package_comes_whole_and_nothing_is_left_over(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    source.fetch(package.digest, registry.url, store)

    assert store.load(package.digest) == package
    assert len(registry.asked) == 4
    assert not store.downloads(package.digest).exists()


def test_a_url_may_name_its_host(
    registry: HttpRegistry, store: FolderPackages, package: Package
) -> None:
    elsewhere = HttpSource("no-such-host.invalid")
    elsewhere.fetch(package.digest, f"http://127.0.0.1{registry.url}/", store)
    assert store.load(package.digest) == package


def test_a_package_that_is_here_needs_no_server(
    source: HttpSource, store: FolderPackages, package: Package
) -> None:
    store.add(package)
    source.fetch(package.digest, "", store)
    assert store.load(package.digest) == package


def test_of_a_damaged_package_only_the_damaged_file_is_fetched(
    registry: HttpRegistry,
    source: HttpSource,
    store: FolderPackages,
    package: Package,
    tmp_path: Path,
) -> None:
    store.add(package)
    (tmp_path / package.digest.replace(":", "-") / "model.onnx").write_bytes(b"rust")

    source.fetch(package.digest, registry.url, store)

    assert store.load(package.digest) == package
    assert registry.asked == [(model_of(package), "")]


@pytest.mark.parametrize("tells_length", [True, False])
def test_a_connection_that_is_cut_is_resumed_where_it_broke_off(
    registry: HttpRegistry,
    source: HttpSource,
    store: FolderPackages,
    package: Package,
    *,
    tells_length: bool,
) -> None:
    registry.cut_after[model_of(package)] = 1000
    with pytest.raises(UnavailableError, match=r"cannot fetch [0-9a-f]{12} from http://127"):
        source.fetch(package.digest, registry.url, store)
    assert store.digests() == []
    registry.asked.clear()
    registry.tells_length = tells_length

    source.fetch(package.digest, registry.url, store)

    assert store.load(package.digest) == package
    assert (model_of(package), "bytes=1000-") in registry.asked


def test_a_manifest_that_is_cut_is_resumed_too(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    registry.cut_after[package.digest] = 100
    with pytest.raises(UnavailableError, match="IncompleteRead"):
        source.fetch(package.digest, registry.url, store)

    source.fetch(package.digest, registry.url, store)

    assert registry.ranges[:2] == ["", "bytes=100-"]
    assert store.load(package.digest) == package


def test_a_download_goes_on_after_a_restart(
    registry: HttpRegistry,
    source: HttpSource,
    package: Package,
    store: FolderPackages,
    tmp_path: Path,
) -> None:
    registry.cut_after[model_of(package)] = 1000
    with pytest.raises(UnavailableError):
        source.fetch(package.digest, registry.url, store)

    later = FolderPackages(tmp_path)
    HttpSource("127.0.0.1").fetch(package.digest, registry.url, later)

    assert (model_of(package), "bytes=1000-") in registry.asked
    assert later.load(package.digest) == package


def test_a_server_that_knows_no_ranges_sends_it_all_again(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    registry.cut_after[model_of(package)] = 1000
    with pytest.raises(UnavailableError):
        source.fetch(package.digest, registry.url, store)
    registry.ignores_ranges = True

    source.fetch(package.digest, registry.url, store)

    assert store.load(package.digest) == package


@pytest.mark.parametrize("left", [b"wrong" * 10, b"wrong" * 100_000], ids=["short", "too long"])
def test_a_rest_that_does_not_fit_what_is_here_is_no_fault_of_the_registry(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package, left: bytes
) -> None:
    folder = store.downloads(package.digest)
    folder.mkdir()
    (folder / model_of(package).replace(":", "-")).write_bytes(left)
    (folder / package.digest.replace(":", "-")).write_bytes(package.manifest_bytes + b"more")

    source.fetch(package.digest, registry.url, store)

    assert store.load(package.digest) == package


def test_wrong_content_is_refused_for_good(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    right = registry.blobs[model_of(package)]
    registry.blobs[model_of(package)] = b"x" * len(right)
    with pytest.raises(
        PackageError, match=r"sent [0-9a-f]{12} \(\d+ bytes\) for [0-9a-f]{12}: .* tampered with"
    ):
        source.fetch(package.digest, registry.url, store)
    assert store.digests() == []

    registry.blobs[model_of(package)] = right
    source.fetch(package.digest, registry.url, store)
    assert store.load(package.digest) == package


@pytest.mark.parametrize("tells_length", [True, False])
def test_content_without_end_is_refused(
    registry: HttpRegistry,
    source: HttpSource,
    store: FolderPackages,
    package: Package,
    *,
    tells_length: bool,
) -> None:
    registry.tells_length = tells_length
    registry.blobs[model_of(package)] *= 3
    with pytest.raises(PackageError, match=r"sends more than the \d+ bytes expected"):
        source.fetch(package.digest, registry.url, store)
    left = store.downloads(package.digest) / model_of(package).replace(":", "-")
    assert left.stat().st_size == 0


def test_a_package_that_the_registry_does_not_have_is_refused(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages
) -> None:
    with pytest.raises(PackageError, match=r"/sha256:00\S* does not exist in the registry"):
        source.fetch("sha256:" + "00" * 32, registry.url, store)


@pytest.mark.parametrize("status", [500, 503, 403])
def test_a_server_in_trouble_is_tried_again_later(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package, status: int
) -> None:
    registry.status[package.digest] = status
    with pytest.raises(UnavailableError, match=rf"cannot fetch .*: HTTP Error {status}"):
        source.fetch(package.digest, registry.url, store)


def test_a_silent_server_is_given_up(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    registry.silent.set()
    began_s = time.monotonic()
    with pytest.raises(UnavailableError, match="timed out"):
        source.fetch(package.digest, registry.url, store)
    assert time.monotonic() - began_s < 1.0


def test_no_server_at_all_is_tried_again_later(
    source: HttpSource, store: FolderPackages, package: Package
) -> None:
    with pytest.raises(UnavailableError, match="Connection refused"):
        source.fetch(package.digest, ":1/v1/blobs", store)


@pytest.mark.parametrize("url", ["", "file:///etc", "ftp://127.0.0.1/x", "127.0.0.1:8080"])
def test_other_places_than_http_are_refused(
    source: HttpSource, store: FolderPackages, package: Package, url: str
) -> None:
    with pytest.raises(PackageError, match="is neither http nor https"):
        source.fetch(package.digest, url, store)


def test_a_full_disk_is_tried_again_later(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    with files_of_at_most(1000), pytest.raises(UnavailableError, match="File too large"):
        source.fetch(package.digest, registry.url, store)

    source.fetch(package.digest, registry.url, store)
    assert store.load(package.digest) == package


def test_leaving_breaks_off_a_download_that_trickles(
    registry: HttpRegistry, source: HttpSource, store: FolderPackages, package: Package
) -> None:
    registry.trickles = True
    leaving = threading.Timer(0.1, source.close)
    leaving.start()
    began_s = time.monotonic()

    with pytest.raises(UnavailableError, match="was not fetched: the agent leaves"):
        source.fetch(package.digest, registry.url, store)

    assert time.monotonic() - began_s < 5.0
    leaving.join()


def test_an_address_with_colons_gets_its_brackets(store: FolderPackages, package: Package) -> None:
    with pytest.raises(UnavailableError, match=r"from http://\[::1\]:1/blobs: "):
        HttpSource("::1").fetch(package.digest, ":1/blobs", store)
