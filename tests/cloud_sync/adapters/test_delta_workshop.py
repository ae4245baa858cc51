"""Deltas are made in time, kept within bounds, and their making never holds anybody up."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cloud_sync.adapters.delta_maker import DeltaMaker
from cloud_sync.adapters.delta_workshop import DeltaWorkshop
from cloud_sync.adapters.zstd import Zstd
from cloud_sync.ports import Recipe
from edge_contract.delta import Delta, Way, apply_delta
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.package import digest_of

SMALL = random.Random(1).randbytes(20_000)
SMALL_NEW = SMALL[:9_000] + b"a tree" + SMALL[9_000:]
LARGE = random.Random(2).randbytes(300_000)
LARGE_NEW = LARGE + b"a tree"
REPEATED = b"leaf, " * 10_000


class Files:
    """The files of a registry."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def put(self, data: bytes) -> str:
        digest = digest_of(data)
        self._path(digest).write_bytes(data)
        return digest

    def remove(self, digest: str) -> None:
        self._path(digest).unlink()

    def path(self, digest: str) -> Path:
        path = self._path(digest)
        if not path.exists():
            raise UsageError(f"the registry has no file of digest {digest}")
        return path

    def _path(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "blobs")


@pytest.fixture
def open_workshop(tmp_path: Path, files: Files) -> Callable[..., DeltaWorkshop]:
    """Opens the same workshop again and again, as restarts do."""
    return lambda **limits: DeltaWorkshop(tmp_path / "deltas", files.path, **limits)


@pytest.fixture
def workshop(open_workshop: Callable[..., DeltaWorkshop]) -> Iterator[DeltaWorkshop]:
    with closing(open_workshop()) as opened:
        yield opened


def made(workshop: DeltaWorkshop, *recipes: Recipe) -> list[Way | None]:
    workshop.want(recipes)
    assert workshop.wait_idle(30.0)
    return [workshop.find(recipe) for recipe in recipes]


@pytest.mark.parametrize(("old", "new"), [(SMALL, SMALL_NEW), (LARGE, LARGE_NEW)])
def test_a_delta_that_was_wanted_is_made_and_makes_the_new_file(
    workshop: DeltaWorkshop, files: Files, old: bytes, new: bytes
) -> None:
    recipe = Recipe(files.put(new), files.put(old), "zstd")

    assert workshop.want([recipe]), "it is not there yet"
    (way,) = made(workshop, recipe)

    assert way is not None
    assert way.old == digest_of(old)
    path = workshop.path(way.parcel.digest)
    assert path is not None
    sent = path.read_bytes()
    assert digest_of(sent) == way.parcel.digest
    assert len(sent) == way.parcel.size_bytes < 1_000
    delta = Delta.from_bytes(sent)
    known = (Zstd(),)
    assert apply_delta(old, delta, digest=recipe.new, max_bytes=len(new), compressions=known) == new
    assert not workshop.want([recipe]), "nothing is left to make"


def test_a_file_that_compresses_well_has_a_way_that_needs_no_older_one(
    workshop: DeltaWorkshop, files: Files
) -> None:
    (way,) = made(workshop, Recipe(files.put(REPEATED), "", "zlib"))

    assert way is not None
    assert way.old == ""
    assert way.parcel.size_bytes < 1_000


def test_a_delta_that_saves_nothing_is_not_kept_and_not_made_again(
    open_workshop: Callable[..., DeltaWorkshop], files: Files
) -> None:
    recipe = Recipe(files.put(SMALL), files.put(LARGE), "zstd")
    with closing(open_workshop()) as workshop:
        assert made(workshop, recipe) == [None]

    with closing(open_workshop()) as later:
        assert not later.want([recipe])
        assert later.size_bytes == 0


def test_a_delta_must_save_against_the_file_compressed_alone(
    workshop: DeltaWorkshop, files: Files
) -> None:
    new = files.put(REPEATED)
    recipes = [Recipe(new, "", "zstd"), Recipe(new, files.put(b"of no help"), "zstd")]

    alone, delta = made(workshop, *recipes)

    assert alone is not None
    assert delta is None


def test_deltas_are_there_after_a_restart(
    open_workshop: Callable[..., DeltaWorkshop], files: Files
) -> None:
    recipe = Recipe(files.put(SMALL_NEW), files.put(SMALL), "zstd")
    with closing(open_workshop()) as workshop:
        (before,) = made(workshop, recipe)

    with closing(open_workshop()) as later:
        assert before is not None
        assert later.find(recipe) == before
        assert later.path(before.parcel.digest) is not None


def test_deltas_of_files_that_the_registry_lost_are_removed(
    open_workshop: Callable[..., DeltaWorkshop], files: Files, tmp_path: Path
) -> None:
    old, new = files.put(SMALL), files.put(SMALL_NEW)
    recipes = [Recipe(new, old, "zstd"), Recipe(files.put(REPEATED), "", "zstd")]
    with closing(open_workshop()) as workshop:
        assert None not in made(workshop, *recipes)
    files.remove(old)

    with closing(open_workshop()) as later:
        assert later.find(recipes[0]) is None
        assert later.find(recipes[1]) is not None

    assert not (tmp_path / "deltas" / new.removeprefix("sha256:")).exists()


def test_a_delta_that_is_damaged_on_the_disk_is_made_again(
    workshop: DeltaWorkshop, open_workshop: Callable[..., DeltaWorkshop], files: Files
) -> None:
    recipe = Recipe(files.put(SMALL_NEW), files.put(SMALL), "zstd")
    (way,) = made(workshop, recipe)
    assert way is not None
    path = workshop.path(way.parcel.digest)
    assert path is not None
    workshop.close()
    path.write_bytes(bytes(way.parcel.size_bytes))

    with closing(open_workshop()) as later:
        assert later.find(recipe) is None
        assert later.path(way.parcel.digest) is None
        assert made(later, recipe) == [way]


def test_where_there_is_little_room_the_delta_that_was_used_last_stays(
    open_workshop: Callable[..., DeltaWorkshop], files: Files
) -> None:
    random_part = random.Random(3).randbytes(5_000)
    old = files.put(SMALL)
    recipes = [
        Recipe(files.put(SMALL + random_part + bytes([number])), old, "zstd") for number in range(3)
    ]
    with closing(open_workshop(max_bytes=12_000)) as workshop:
        ways = made(workshop, *recipes)

        assert ways[0] is None
        assert None not in ways[1:]
        assert 10_000 < workshop.size_bytes <= 12_000


def test_wanting_never_waits_and_urgent_ones_come_first(
    workshop: DeltaWorkshop, files: Files
) -> None:
    old = files.put(LARGE)
    slow = [Recipe(files.put(LARGE + bytes([number]) * 9), old, "zstd") for number in range(3)]
    urgent = Recipe(files.put(SMALL_NEW), files.put(SMALL), "zstd")

    began_s = time.monotonic()
    workshop.want(slow)
    assert workshop.want([urgent], is_urgent=True)
    took_s = time.monotonic() - began_s
    while workshop.find(urgent) is None:
        assert time.monotonic() - began_s < 30.0
        time.sleep(0.01)

    assert took_s < 0.1
    assert workshop.find(slow[-1]) is None
    assert workshop.wait_idle(30.0)


def test_a_file_that_is_not_in_the_registry_is_told_once(
    workshop: DeltaWorkshop, files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = Recipe(digest_of(b"elsewhere"), files.put(SMALL), "zstd")

    assert made(workshop, recipe) == [None]

    assert not workshop.want([recipe])
    assert "no delta to b94d2d" in caplog.text or "devices take the whole file" in caplog.text


def test_closing_breaks_off_what_is_being_made(
    open_workshop: Callable[..., DeltaWorkshop], files: Files
) -> None:
    huge = random.Random(4).randbytes(30_000_000)
    workshop = open_workshop()
    workshop.want([Recipe(files.put(huge + b"!"), files.put(huge), "zstd")])
    time.sleep(0.3)

    began_s = time.monotonic()
    workshop.close()
    workshop.close()

    assert time.monotonic() - began_s < 3.0
    assert not workshop.want([Recipe(digest_of(b"a"), "", "zlib")])


@pytest.mark.parametrize(
    "limits",
    [{"max_memory_bytes": 2**20, "max_s": 30.0}, {"max_memory_bytes": 2**30, "max_s": 0.0}],
)
def test_a_delta_that_takes_too_much_is_given_up_with_the_figures(
    tmp_path: Path, files: Files, limits: dict[str, float]
) -> None:
    maker = DeltaMaker(max_memory_bytes=int(limits["max_memory_bytes"]), max_s=limits["max_s"])
    old, new = files.path(files.put(LARGE)), files.path(files.put(LARGE_NEW))

    with pytest.raises(UnavailableError, match=r"cannot make a delta: .*(memory|bytes)"):
        maker.make(old, new, tmp_path / "out", compression="zstd")
    maker.rest()


def test_one_that_was_given_up_does_not_keep_the_next_one_from_being_made(
    tmp_path: Path, files: Files
) -> None:
    maker = DeltaMaker(max_memory_bytes=2**30, max_s=0.0)
    old, new = files.path(files.put(LARGE)), files.path(files.put(LARGE_NEW))
    with pytest.raises(UnavailableError):
        maker.make(old, new, tmp_path / "out", compression="zstd")

    patient = DeltaMaker(max_memory_bytes=2**30, max_s=60.0)
    with pytest.raises(UnavailableError, match="compression 'lzma' is not installed here"):
        patient.make(old, new, tmp_path / "out", compression="lzma")
    assert patient.make(old, new, tmp_path / "out", compression="zstd") < 1_000
    patient.rest()
