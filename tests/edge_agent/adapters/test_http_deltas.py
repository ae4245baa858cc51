"""New versions come as deltas where that is smaller; whatever is wrong, the package comes."""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.http_source import HttpSource
from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Offer, Parcel, Way, Zlib, make_delta
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.messages import Downloads
from edge_contract.package import digest_of
from tests.support.http_registry import HttpRegistry, running
from tests.support.tiny_package import tiny_package

OLD_MODEL = random.Random(1).randbytes(600_000)
NEW_MODEL = OLD_MODEL[:300_000] + b"three new trees" + OLD_MODEL[300_000:]
V1 = tiny_package("digits", "1.0.0", model=OLD_MODEL)
V2 = tiny_package("digits", "2.0.0", model=NEW_MODEL)
MODEL = digest_of(NEW_MODEL)
CHUNK_BYTES = 262_144


@pytest.fixture
def registry() -> Iterator[HttpRegistry]:
    with running(HttpRegistry()) as registry:
        registry.put(V2)
        yield registry


@pytest.fixture
def store(tmp_path: Path) -> FolderPackages:
    store = FolderPackages(tmp_path)
    store.add(V1)
    return store


def a_source(*, patience_s: float = 0.0, memory_left: int | None = None) -> HttpSource:
    return HttpSource(
        "127.0.0.1",
        timeout_s=0.5,
        compressions=lambda: (Zstd(), Zlib()),
        patience_s=patience_s,
        memory_left=lambda: memory_left,
    )


def way_to_model(offer: Offer) -> Way:
    file = offer.of(MODEL)
    assert file is not None
    return file.ways[0]


def fetched(source: HttpSource, registry: HttpRegistry, store: FolderPackages) -> Downloads:
    source.fetch(V2.digest, registry.url, store)
    assert store.load(V2.digest) == V2
    return source.spent()


def test_a_version_comes_as_a_delta_to_one_that_is_here(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    offer = registry.offer(V2, old=V1, compression=Zstd())

    spent = fetched(a_source(), registry, store)

    assert MODEL not in registry.digests
    assert spent.whole_bytes == spent.packed_bytes == spent.fallbacks == 0
    assert spent.delta_bytes == sum(file.ways[0].parcel.size_bytes for file in offer.files) < 2_000
    assert spent.offer_bytes == len(offer.to_bytes())


def test_the_registry_is_told_what_is_here_and_which_compressions(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    fetched(a_source(), registry, store)

    have = V1.digest.replace(":", "%3A")
    assert registry.queries == [f"have={have}&with=zstd&with=zlib"]


def test_a_device_without_an_older_version_takes_files_that_are_compressed_alone(
    registry: HttpRegistry, tmp_path: Path
) -> None:
    model = b"the same trees again and again" * 10_000
    package = tiny_package("digits", "3.0.0", model=model)
    registry.put(package)
    registry.offer(package, old=None, compression=Zlib())
    store = FolderPackages(tmp_path / "fresh")
    source = a_source()

    source.fetch(package.digest, registry.url, store)

    spent = source.spent()
    assert store.load(package.digest) == package
    assert spent.whole_bytes == spent.delta_bytes == 0
    assert spent.packed_bytes < len(model) / 50


def test_a_server_that_knows_no_offers_gives_whole_files_and_that_is_no_failure(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    spent = fetched(a_source(), registry, store)

    assert spent == Downloads(whole_bytes=len(NEW_MODEL) + len(V2.manifest_bytes))


def test_a_file_that_another_version_has_is_not_fetched(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    same = tiny_package("digits", "1.0.1", model=OLD_MODEL)
    registry.put(same)
    source = a_source()

    source.fetch(same.digest, registry.url, store)

    assert store.load(same.digest) == same
    assert registry.digests == [same.digest]
    assert source.spent().reused_bytes == len(OLD_MODEL)


def spoil_bytes(registry: HttpRegistry, way: Way) -> str:
    """The delta comes, but not the one that was offered."""
    registry.blobs[way.parcel.digest] = bytes(way.parcel.size_bytes)
    return "the registry is damaged or was tampered with"


def lose_it(registry: HttpRegistry, way: Way) -> str:
    del registry.blobs[way.parcel.digest]
    return "does not exist in the registry"


def refuse_it(registry: HttpRegistry, way: Way) -> str:
    registry.status[way.parcel.digest] = 500
    return "HTTP Error 500"


def make_another_file(registry: HttpRegistry, way: Way) -> str:
    other = make_delta(OLD_MODEL, NEW_MODEL[:-1] + b"!", compression=Zstd())
    put_in_place(registry, way, other.to_bytes(), way.old)
    return "it is damaged or belongs to another version"


def use_a_compression_that_is_unknown(registry: HttpRegistry, way: Way) -> str:
    delta = make_delta(OLD_MODEL, NEW_MODEL, compression=Zstd())
    put_in_place(registry, way, replace(delta, compression="lzma").to_bytes(), way.old)
    return "delta needs compression 'lzma', here are ['zlib', 'zstd']"


def use_a_method_that_is_unknown(registry: HttpRegistry, way: Way) -> str:
    sent = bytearray(make_delta(OLD_MODEL, NEW_MODEL, compression=Zstd()).to_bytes())
    sent[4] = 9
    put_in_place(registry, way, bytes(sent), way.old)
    return "method 9"


def begin_with_a_file_that_is_not_here(registry: HttpRegistry, way: Way) -> str:
    put_in_place(registry, way, registry.blobs[way.parcel.digest], digest_of(b"elsewhere"))
    return "is not here"


def put_in_place(registry: HttpRegistry, way: Way, delta: bytes, old: str) -> None:
    """Offer another delta instead."""
    registry.blobs[digest_of(delta)] = delta
    offer = Offer.from_bytes(registry.offers[V2.digest])
    files = [
        replace(file, ways=(Way(Parcel.of(delta), old),)) if way in file.ways else file
        for file in offer.files
    ]
    registry.offers[V2.digest] = Offer(tuple(files)).to_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_bytes,
        lose_it,
        refuse_it,
        make_another_file,
        use_a_compression_that_is_unknown,
        use_a_method_that_is_unknown,
        begin_with_a_file_that_is_not_here,
    ],
)
def test_a_delta_that_is_of_no_use_is_told_and_the_whole_file_comes(
    registry: HttpRegistry, store: FolderPackages, spoil: Callable[[HttpRegistry, Way], str]
) -> None:
    way = way_to_model(registry.offer(V2, old=V1, compression=Zstd()))
    reason = spoil(registry, way)

    spent = fetched(a_source(), registry, store)

    assert spent.whole_bytes == len(NEW_MODEL)
    assert spent.fallbacks == 1
    assert reason in spent.reason
    assert "model.onnx of no use" in spent.reason


def test_a_base_that_is_damaged_on_the_disk_is_no_base(
    registry: HttpRegistry, store: FolderPackages, tmp_path: Path
) -> None:
    registry.offer(V2, old=V1, compression=Zstd())
    (tmp_path / V1.digest.replace(":", "-") / "model.onnx").write_bytes(OLD_MODEL[:-1] + b"?")

    spent = fetched(a_source(), registry, store)

    assert spent.whole_bytes == len(NEW_MODEL)
    assert "its base" in spent.reason


def test_a_delta_that_would_take_too_much_memory_is_not_even_fetched(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    way = way_to_model(registry.offer(V2, old=V1, compression=Zstd()))

    spent = fetched(a_source(memory_left=2_000_000), registry, store)

    assert way.parcel.digest not in registry.digests
    assert spent.reason.endswith("it would take 2400045 bytes of memory, allowed are 2000000")


def test_a_delta_that_failed_is_not_tried_again_in_this_life(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    way = way_to_model(registry.offer(V2, old=V1, compression=Zstd()))
    registry.blobs[way.parcel.digest] = bytes(way.parcel.size_bytes)
    registry.status[MODEL] = 503
    source = a_source()
    with pytest.raises(UnavailableError, match="503"):
        source.fetch(V2.digest, registry.url, store)
    registry.asked.clear()
    registry.status.clear()

    fetched(source, registry, store)

    assert registry.digests == [MODEL], "neither the delta nor the manifest came again"


def test_a_delta_whose_connection_breaks_is_resumed(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    way = way_to_model(registry.offer(V2, old=V1, compression=Zstd()))
    registry.cut_after[way.parcel.digest] = 50
    source = a_source()
    with pytest.raises(UnavailableError, match="IncompleteRead"):
        source.fetch(V2.digest, registry.url, store)
    first = source.spent()

    second = fetched(source, registry, store)

    assert (way.parcel.digest, "bytes=50-") in registry.asked
    assert first.fallbacks == second.fallbacks == second.whole_bytes == 0
    assert second.reused_bytes >= 50


def test_a_delta_whose_connection_breaks_again_and_again_is_given_up(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    way = way_to_model(registry.offer(V2, old=V1, compression=Zstd()))
    source = a_source()
    registry.cut_after[way.parcel.digest] = 50
    with pytest.raises(UnavailableError):
        source.fetch(V2.digest, registry.url, store)
    registry.cut_after[way.parcel.digest] = 60

    spent = fetched(source, registry, store)

    assert spent.whole_bytes == len(NEW_MODEL)
    assert "it broke off 2 times" in spent.reason


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (b"surprise", 0, "offer is no JSON"),
        (b"{}", 0, "offer.files is missing"),
        (b'{"files":[{"digest":"sha256:0"}],"growing":false}', 0, "offer.files[0].size is missing"),
        (b" " * 1_000_001, 0, "sends more than 1000000 bytes"),
        (b"{}", 500, "HTTP Error 500"),
    ],
)
def test_an_offer_that_cannot_be_had_or_read_is_told_and_whole_files_come(
    registry: HttpRegistry, store: FolderPackages, answer: bytes, status: int, reason: str
) -> None:
    registry.offers[V2.digest] = answer
    if status:
        registry.status[f"{V2.digest}/offer"] = status

    spent = fetched(a_source(), registry, store)

    assert spent.whole_bytes == len(NEW_MODEL) + len(V2.manifest_bytes)
    assert spent.fallbacks == 1
    assert reason in spent.reason


def test_one_lost_connection_is_no_reason_to_fetch_whole_files(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    registry.offer(V2, old=V1, compression=Zstd())
    source = a_source()
    registry.silent.set()
    with pytest.raises(UnavailableError, match="timed out"):
        source.fetch(V2.digest, registry.url, store)
    registry.silent.clear()

    spent = fetched(source, registry, store)

    assert spent.whole_bytes == spent.fallbacks == 0


def test_offers_that_never_come_do_not_keep_the_package_from_coming(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    registry.offer(V2, old=V1, compression=Zstd())
    source = a_source()
    registry.cut_after[f"{V2.digest}/offer"] = 100
    with pytest.raises(UnavailableError, match="IncompleteRead"):
        source.fetch(V2.digest, registry.url, store)
    registry.cut_after[f"{V2.digest}/offer"] = 100

    spent = fetched(source, registry, store)

    assert spent.whole_bytes == len(NEW_MODEL) + len(V2.manifest_bytes)
    assert spent.fallbacks == 1


def test_a_delta_that_is_not_smaller_than_the_file_is_not_fetched(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    offer = registry.offer(V2, old=V1, compression=Zstd())
    way = way_to_model(offer)
    huge = replace(way, parcel=Parcel(way.parcel.digest, 2**35, 2**35, ("0" * 12,)))
    files = [replace(file, ways=(huge,)) if way in file.ways else file for file in offer.files]
    registry.offers[V2.digest] = Offer(tuple(files)).to_bytes()

    spent = fetched(a_source(), registry, store)

    assert way.parcel.digest not in registry.digests
    assert spent.whole_bytes == len(NEW_MODEL)


@pytest.mark.parametrize(
    ("patience_s", "queries"), [(0.0, 1), (0.4, 2)], ids=["no patience", "some patience"]
)
def test_deltas_that_are_being_made_are_waited_for_as_long_as_there_is_patience(
    registry: HttpRegistry, store: FolderPackages, patience_s: float, queries: int
) -> None:
    still_made(registry)

    spent = fetched(a_source(patience_s=patience_s), registry, store)

    assert len(registry.queries) == queries
    assert spent.whole_bytes == len(NEW_MODEL) + len(V2.manifest_bytes)


def test_a_device_that_has_nothing_waits_for_no_deltas(
    registry: HttpRegistry, tmp_path: Path
) -> None:
    still_made(registry)

    fetched(a_source(patience_s=60.0), registry, FolderPackages(tmp_path / "fresh"))

    assert len(registry.queries) == 1


def still_made(registry: HttpRegistry) -> None:
    """Offer whole files, and tell that there will be more."""
    offer = Offer.from_bytes(whole_files_only(registry))
    registry.offers[V2.digest] = replace(offer, is_growing=True).to_bytes()


def test_a_chunk_that_came_damaged_comes_again_and_nothing_else_does(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    registry.offers[V2.digest] = whole_files_only(registry)
    registry.flips[MODEL] = [400_000]

    spent = fetched(a_source(), registry, store)

    assert [asked for asked in registry.asked if asked[0] == MODEL] == [
        (MODEL, ""),
        (MODEL, f"bytes={CHUNK_BYTES}-{2 * CHUNK_BYTES - 1}"),
    ]
    assert spent.again_bytes == CHUNK_BYTES
    assert spent.whole_bytes == len(NEW_MODEL) + CHUNK_BYTES + len(V2.manifest_bytes)


def test_what_a_power_cut_damaged_is_mended_chunk_by_chunk(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    registry.offers[V2.digest] = whole_files_only(registry)
    folder = store.downloads(V2.digest)
    folder.mkdir()
    lost = bytes(CHUNK_BYTES)
    (folder / MODEL.replace(":", "-")).write_bytes(lost + NEW_MODEL[CHUNK_BYTES:500_000])

    spent = fetched(a_source(), registry, store)

    assert [asked for asked in registry.asked if asked[0] == MODEL] == [
        (MODEL, "bytes=500000-"),
        (MODEL, f"bytes=0-{CHUNK_BYTES - 1}"),
    ]
    assert spent.again_bytes == CHUNK_BYTES


def test_a_chunk_that_stays_damaged_is_asked_for_three_times_and_then_refused(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    registry.offers[V2.digest] = whole_files_only(registry)
    registry.flips[MODEL] = [5] * 100

    with pytest.raises(PackageError, match="the registry is damaged or was tampered with"):
        a_source().fetch(V2.digest, registry.url, store)

    assert registry.ranges.count(f"bytes=0-{CHUNK_BYTES - 1}") == 3


def test_an_offer_with_wrong_chunks_does_no_harm_to_a_file_that_is_right(
    registry: HttpRegistry, store: FolderPackages
) -> None:
    offer = Offer.from_bytes(whole_files_only(registry))
    wrong = [replace(f, whole=replace(f.whole, chunks=("0" * 12,) * 3)) for f in offer.files[1:]]
    registry.offers[V2.digest] = Offer((offer.files[0], *wrong)).to_bytes()

    spent = fetched(a_source(), registry, store)

    assert spent.again_bytes == spent.fallbacks == 0


def test_a_disk_without_room_is_told_with_figures_before_anything_is_fetched(
    registry: HttpRegistry, tmp_path: Path
) -> None:
    class SmallDisk(FolderPackages):
        def free_bytes(self) -> int:
            return 3_000_000

    store = SmallDisk(tmp_path / "small")

    with pytest.raises(UnavailableError) as caught:
        a_source().fetch(V2.digest, registry.url, store)

    assert str(caught.value) == (
        "no room for digits@2.0.0: 5394334 bytes are needed (600015 to fetch, 600015 to put it "
        "together, 4194304 to spare), 3000000 are free; free 2394334 more"
    )
    assert MODEL not in registry.digests


def whole_files_only(registry: HttpRegistry) -> bytes:
    """An offer of chunks alone."""
    offer = registry.offer(V2, old=V1, compression=Zlib())
    return Offer(tuple(replace(file, ways=()) for file in offer.files)).to_bytes()
