"""Devices are offered the smallest ways that there are, and more are made for who comes later."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.adapters.delta_workshop import DeltaWorkshop
from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.offer_desk import OfferDesk
from edge_contract.delta import FileOffer, Offer, Parcel
from edge_contract.errors import UsageError
from edge_contract.package import Package, digest_of
from tests.support.telemetry import counting_package

MODEL = random.Random(1).randbytes(40_000)


def version(number: int) -> Package:
    """Each has some bytes more than the one before."""
    more = b"".join(random.Random(100 + n).randbytes(200) for n in range(number))
    return counting_package(f"{number}.0.0", model=MODEL + more)


V1, V2, V3, V4, V5 = map(version, range(1, 6))


class Bench:
    """A registry, its deltas and the desk."""

    def __init__(self, folder: Path) -> None:
        self.registry = FolderRegistry(folder)
        self.deltas = DeltaWorkshop(folder / "deltas", self.registry.blob_path)
        self.desk = OfferDesk(self.registry, self.deltas)

    def push(self, *packages: Package) -> None:
        for at_unix_s, package in enumerate(packages):
            found = self.registry.put(package, at_unix_s=float(at_unix_s))
            self.desk.prepare(found)
            assert self.deltas.wait_idle(30.0)

    def offer(self, package: Package, *have: Package, compressions: str = "zstd zlib") -> Offer:
        return self.desk.offer(
            package.digest,
            have=[base.digest for base in have],
            compressions=compressions.split(),
        )

    def close(self) -> None:
        self.deltas.close()
        self.registry.close()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with closing(Bench(tmp_path)) as bench:
        yield bench


def model_of(package: Package, offer: Offer) -> FileOffer:
    found = offer.of(digest_of(package.files["model.onnx"]))
    assert found is not None
    return found


def test_an_offer_lists_all_files_with_their_chunks(bench: Bench) -> None:
    bench.push(V1)

    offer = bench.offer(V1)

    assert {file.whole.digest for file in offer.files} == {
        V1.digest,
        *(artifact.digest for artifact in V1.manifest.artifacts),
    }
    assert model_of(V1, offer).whole == Parcel.of(V1.files["model.onnx"])
    assert not offer.is_growing


def test_a_delta_from_the_version_that_a_device_has_is_there_after_the_push(bench: Bench) -> None:
    bench.push(V1, V2)

    (way,) = model_of(V2, bench.offer(V2, V1)).ways

    assert way.old == digest_of(V1.files["model.onnx"])
    assert way.parcel.size_bytes < 400
    assert bench.desk.path(way.parcel.digest) is not None


def test_of_several_versions_that_a_device_has_the_nearest_is_taken(bench: Bench) -> None:
    bench.push(V1, V2, V3)

    (way,) = model_of(V3, bench.offer(V3, V1, V2)).ways

    assert way.old == digest_of(V2.files["model.onnx"])


def test_a_version_far_back_is_made_for_when_the_first_device_asks(bench: Bench) -> None:
    bench.push(V1, V2, V3, V4, V5)

    first = bench.offer(V5, V1)
    assert bench.deltas.wait_idle(30.0)
    later = bench.offer(V5, V1)

    assert first.is_growing
    assert model_of(V5, first).ways == ()
    assert not later.is_growing
    assert [way.old for way in model_of(V5, later).ways] == [digest_of(V1.files["model.onnx"])]


def test_a_device_without_zstd_gets_zlib(bench: Bench) -> None:
    old = counting_package("1.0.0", model=b"an old leaf, " * 2_000)
    new = counting_package("2.0.0", model=b"an old leaf, " * 2_000 + b"and one more")
    bench.push(old, new)

    first = bench.offer(new, old, compressions="zlib")
    assert bench.deltas.wait_idle(30.0)
    later = bench.offer(new, old, compressions="zlib")

    assert first.is_growing
    path = bench.desk.path(model_of(new, later).ways[0].parcel.digest)
    assert path is not None
    assert path.read_bytes()[5:9] == b"zlib"


@pytest.mark.parametrize("compressions", ["", "lzma", "brot"])
def test_a_device_with_no_compression_that_is_known_here_gets_whole_files(
    bench: Bench, compressions: str
) -> None:
    bench.push(V1, V2)

    offer = bench.offer(V2, V1, compressions=compressions)

    assert all(file.ways == () for file in offer.files)
    assert not offer.is_growing


def test_a_base_that_is_unknown_here_is_ignored(bench: Bench) -> None:
    bench.push(V1, V2)

    offer = bench.offer(V2, counting_package("9.9.9", model=b"made elsewhere"), V1)

    assert len(model_of(V2, offer).ways) == 1


def test_files_that_have_not_changed_need_no_way(bench: Bench) -> None:
    bench.push(V1, V2)

    offer = bench.offer(V2, V1)

    same = offer.of(V2.manifest.artifacts[1].digest)
    assert V1.manifest.artifacts[1].digest == V2.manifest.artifacts[1].digest
    assert same is not None
    assert not any(way.old for way in same.ways)


def test_a_package_that_is_not_there_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match=r"the registry has no package [0-9a-f]{12}: push it"):
        bench.offer(V1)


def test_a_cloud_that_makes_no_deltas_offers_whole_files(tmp_path: Path) -> None:
    with closing(FolderRegistry(tmp_path)) as registry:
        desk = OfferDesk(registry, None)
        desk.prepare(registry.put(V1, at_unix_s=0.0))

        offer = desk.offer(V1.digest, have=[], compressions=["zstd"])

    assert [file.ways for file in offer.files] == [(), (), ()]
    assert not offer.is_growing
    assert desk.path(V1.digest) is None


def test_a_damaged_file_of_the_registry_is_not_offered(bench: Bench) -> None:
    bench.push(V1)
    model = V1.manifest.artifacts[0].digest
    bench.registry.blob_path(model).write_bytes(b"rust")

    offer = bench.offer(V1)

    assert offer.of(model) is None
    assert len(offer.files) == 2


def test_many_devices_that_ask_at_once_are_told_the_same(bench: Bench) -> None:
    bench.push(V1, V2)
    fresh = OfferDesk(bench.registry, bench.deltas)  # has read no file yet

    def asked(_device: int) -> Offer:
        return fresh.offer(V2.digest, have=[V1.digest], compressions=["zstd"])

    with ThreadPoolExecutor(16) as pool:
        offers = list(pool.map(asked, range(64)))

    assert all(offer == offers[0] for offer in offers)
    assert len(model_of(V2, offers[0]).ways) == 1
