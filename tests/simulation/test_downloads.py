"""Whatever happens to a download, and how often: the package arrives wholly, or nothing is used."""

import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.http_source import HttpSource
from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Offer
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.messages import Downloads
from edge_contract.package import digest_of
from tests.support.http_registry import HttpRegistry, running
from tests.support.tiny_package import tiny_package

OLD_MODEL = random.Random(1).randbytes(300_000)
NEW_MODEL = OLD_MODEL[:150_000] + random.Random(2).randbytes(600) + OLD_MODEL[150_000:]
V1 = tiny_package("digits", "1.0.0", model=OLD_MODEL)
V2 = tiny_package("digits", "2.0.0", model=NEW_MODEL)


class Fault(NamedTuple):
    """What happens to one answer.

    Attributes:
        victim: Which of the files on the way: the manifest, the model, or a delta to one of them.
        cut: Where the answer breaks off, as a share of the file; ``None`` if it does not.
        flip: Where it has a wrong byte, as a share of the file; ``None`` if it has none.
    """

    victim: int
    cut: float | None
    flip: float | None


class Attempt(NamedTuple):
    """One try to fetch the package.

    Attributes:
        faults: What happens to the answers.
        restarts: Whether the agent starts anew before.
        power_cut: Where a byte of what lies on the disk is lost before; ``None`` for nowhere.
        has_offer: Whether the registry offers anything.
    """

    faults: list[Fault]
    restarts: bool
    power_cut: float | None
    has_offer: bool


shares = st.floats(0.0, 1.0, exclude_max=True)
maybe = st.none() | shares
attempts = st.lists(
    st.builds(
        Attempt,
        faults=st.lists(st.builds(Fault, st.integers(0, 3), maybe, maybe), max_size=3),
        restarts=st.booleans(),
        power_cut=maybe,
        has_offer=st.booleans(),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def registry() -> Iterator[HttpRegistry]:
    with running(HttpRegistry()) as registry:
        registry.put(V2)
        yield registry


@pytest.fixture(scope="module")
def offer(registry: HttpRegistry) -> Offer:
    return registry.offer(V2, old=V1, compression=Zstd())


def source() -> HttpSource:
    return HttpSource("127.0.0.1", timeout_s=5.0, compressions=lambda: (Zstd(),), patience_s=0.0)


@given(tries=attempts, with_base=st.booleans())
@settings(max_examples=40)
def test_the_package_arrives_wholly_when_the_faults_are_over(
    registry: HttpRegistry, offer: Offer, tries: list[Attempt], with_base: bool
) -> None:
    victims = [V2.digest, digest_of(NEW_MODEL), *(f.ways[0].parcel.digest for f in offer.files)]
    folder = Path(tempfile.mkdtemp())
    store = FolderPackages(folder)
    if with_base:
        store.add(V1)
    agent = source()
    for attempt in tries:
        agent = source() if attempt.restarts else agent
        prepare(registry, attempt, victims, offer)
        lose_a_byte(store, attempt.power_cut)
        try:
            agent.fetch(V2.digest, registry.url, store)
        except (PackageError, UnavailableError):
            assert V2.digest not in store.whole()
        else:
            assert store.load(V2.digest) == V2

    prepare(registry, Attempt([], restarts=False, power_cut=None, has_offer=True), victims, offer)
    agent.spent()
    agent.fetch(V2.digest, registry.url, store)

    assert store.load(V2.digest) == V2
    assert not store.downloads(V2.digest).exists()
    assert agent.spent().fetched_bytes <= 2 * len(NEW_MODEL) + 100_000
    shutil.rmtree(folder)


def test_without_faults_a_device_with_the_old_version_fetches_little(
    registry: HttpRegistry, offer: Offer, tmp_path: Path
) -> None:
    registry.offers[V2.digest] = offer.to_bytes()
    store = FolderPackages(tmp_path)
    store.add(V1)
    agent = source()

    agent.fetch(V2.digest, registry.url, store)

    spent = agent.spent()
    assert spent.fetched_bytes < 4_000
    assert replace(spent, delta_bytes=0, offer_bytes=0) == Downloads()


def prepare(registry: HttpRegistry, attempt: Attempt, victims: list[str], offer: Offer) -> None:
    registry.cut_after.clear()
    registry.flips.clear()
    registry.offers.clear()
    if attempt.has_offer:
        registry.offers[V2.digest] = offer.to_bytes()
    for fault in attempt.faults:
        victim = victims[fault.victim]
        size = len(registry.blobs[victim])
        if fault.cut is not None:
            registry.cut_after[victim] = int(fault.cut * size)
        if fault.flip is not None:
            registry.flips[victim] = [int(fault.flip * size)]


def lose_a_byte(store: FolderPackages, share: float | None) -> None:
    """Damage what lies on the disk of a download, if anything does."""
    folder = store.downloads(V2.digest)
    if share is None or not folder.exists():
        return
    for path in sorted(folder.iterdir()):
        data = bytearray(path.read_bytes())
        if data:
            data[int(share * len(data))] ^= 0x55
            path.write_bytes(data)
