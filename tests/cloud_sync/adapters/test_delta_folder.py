"""The folder of deltas stays within its bounds, and reads back what it wrote."""

import os
from pathlib import Path

import pytest

from cloud_sync.adapters.delta_folder import DeltaFolder
from cloud_sync.ports import Recipe
from edge_contract.delta import Parcel
from edge_contract.errors import UnavailableError
from edge_contract.package import digest_of

RECIPES = [Recipe(digest_of(bytes([number])), digest_of(b"old"), "zlib") for number in range(4)]
DELTA = b"delta"


def age(folder: DeltaFolder, recipe: Recipe, path: Path, *, hours: int) -> None:
    """Let a delta be one that nobody asked for lately."""
    folder.put(recipe, DELTA + recipe.new.encode())
    for file in path.rglob("*.zlib.*"):
        stat = file.stat()
        os.utime(file, (stat.st_atime, stat.st_mtime - hours * 3600.0))


def test_what_was_put_is_there_after_opening_it_again(tmp_path: Path) -> None:
    folder = DeltaFolder(tmp_path, max_bytes=1_000)
    folder.put(RECIPES[0], DELTA)
    folder.put(RECIPES[1], None)

    later = DeltaFolder(tmp_path, max_bytes=1_000)

    assert later.find(RECIPES[0]) == Parcel.of(DELTA)
    assert later.find(RECIPES[1]) is None
    assert later.knows(RECIPES[1])
    assert not later.knows(RECIPES[2])
    assert later.size_bytes == 5


def test_a_delta_that_is_asked_for_stays_and_the_others_make_room(tmp_path: Path) -> None:
    for recipe in RECIPES[:2]:
        age(DeltaFolder(tmp_path, max_bytes=1_000), recipe, tmp_path, hours=10)
    folder = DeltaFolder(tmp_path, max_bytes=200)

    assert folder.find(RECIPES[0]) is not None  # older than the other, but in use again
    folder.put(RECIPES[2], DELTA + RECIPES[2].new.encode())

    assert [folder.knows(recipe) for recipe in RECIPES[:3]] == [True, False, True]


def test_a_delta_larger_than_all_room_is_not_kept(tmp_path: Path) -> None:
    folder = DeltaFolder(tmp_path, max_bytes=4)

    folder.put(RECIPES[0], DELTA)

    assert folder.find(RECIPES[0]) is None
    assert folder.knows(RECIPES[0]), "it would be made again and again"


def test_notes_are_bounded_too(tmp_path: Path) -> None:
    folder = DeltaFolder(tmp_path, max_bytes=1_000, max_count=3)

    for recipe in RECIPES:
        folder.put(recipe, None)

    assert sum(folder.knows(recipe) for recipe in RECIPES) == 3
    assert len(list(tmp_path.rglob("*.none"))) == 3


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("by hand")
    (tmp_path / "readme.txt").write_text("by hand")

    folder = DeltaFolder(tmp_path, max_bytes=1_000)
    folder.forget_unless(lambda _digest: False)

    assert (tmp_path / "notes" / "readme.txt").exists()


def test_a_folder_that_cannot_be_used_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "deltas").write_text("a file")

    with pytest.raises(UnavailableError, match="remove it: deltas are made again"):
        DeltaFolder(tmp_path / "deltas", max_bytes=1_000)
