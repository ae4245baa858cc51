"""The power may go at any point of an update: a valid version serves, and nothing half is loaded.

A real process is recorded call by call, SQLite's included; what a disk may hold after a cut is made
from that, and the agent itself is started on it. Here some points, chosen by chance, and some
kills; all points, and thousands of kills, by ``python -m benchmarks powercuts``.
"""

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.power_cut.campaign import (
    Recording,
    cut_everywhere,
    notes_of,
    record_story,
)
from tests.support.power_cut.disk import Cut, Disk
from tests.support.power_cut.killing import kill_stories
from tests.support.power_cut.recording import Kind, Operation, can_record
from tests.support.ring_kills import kill_appenders

CREATE = os.O_CREAT | os.O_WRONLY


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    if not can_record():
        pytest.skip("needs Linux and a C compiler")
    return record_story(tmp_path_factory.mktemp("story"))


def test_after_a_cut_at_any_point_a_valid_version_serves(
    recording: Recording, tmp_path: Path
) -> None:
    chosen = random.Random(7)

    tried = cut_everywhere(
        recording,
        tmp_path,
        chance=random.Random(8),
        wanted=lambda _point: chosen.random() < 0.015,
    )

    assert len(tried) == 5
    assert tried.total() > 15


def test_whenever_an_agent_is_killed_a_valid_version_serves(
    recording: Recording, tmp_path: Path
) -> None:
    notes = [note for _, note in notes_of(recording.operations)]

    told = kill_stories(recording.packages, tmp_path, notes=notes, kills=3, seed=7, longest_s=1.5)

    assert told > 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_hundreds_of_processes_killed_while_they_append_to_a_ring_lose_no_row(
    tmp_path: Path,
) -> None:
    outcome = kill_appenders(tmp_path / "ring", kills=500, seed=7)

    assert outcome.wrong == 0
    assert outcome.rows > 10_000


def test_the_story_has_every_kind_of_write(recording: Recording) -> None:
    kinds = {done.kind for done in recording.operations}
    files = {done.path.split("/")[0] for done in recording.operations if done.path}

    assert kinds == set(Kind)
    assert {"agent.db", "agent.db-wal", "packages"} <= files


@pytest.mark.parametrize(
    "forgets",
    [
        pytest.param(lambda path: path.startswith("agent.db"), id="the journal"),
        pytest.param(lambda path: path.startswith("packages/new-"), id="files of packages"),
        pytest.param(lambda path: path == "packages", id="names of packages"),
    ],
)
def test_an_agent_that_forgets_to_sync_is_found_out(
    recording: Recording, tmp_path: Path, forgets: Callable[[str], bool]
) -> None:
    careless = without_syncs(recording.operations, forgets)
    late = {len(careless) - 1}

    with pytest.raises(AssertionError, match="cut at"):
        cut_everywhere(
            recording._replace(operations=careless),
            tmp_path,
            chance=random.Random(8),
            wanted=lambda point: (
                point.cut in (Cut.NOTHING, Cut.NAMES)
                and (point.number % 90 == 0 or point.number in late)
            ),
        )


def without_syncs(
    operations: Sequence[Operation], forgets: Callable[[str], bool]
) -> Sequence[Operation]:
    """The same story by an agent that does not sync some files."""
    paths: dict[int, str] = {}
    kept: list[Operation] = []
    for done in operations:
        if done.kind is Kind.OPEN:
            paths[done.fd] = done.path
        if done.kind is not Kind.SYNC or not forgets(paths[done.fd]):
            kept.append(done)
    return kept


def left(disk: Disk, place: Path, cut: Cut) -> dict[str, bytes]:
    """Files by name after a cut."""
    folder = place / cut.name
    folder.mkdir()
    disk.left(folder, cut, random.Random(1))
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_is_synced_is_kept_and_what_is_not_depends(tmp_path: Path) -> None:
    disk = Disk()
    for done in (
        Operation(Kind.OPEN, 3, flags=CREATE, path="a"),
        Operation(Kind.WRITE, 3, data=b"old"),
        Operation(Kind.SYNC, 3),
        Operation(Kind.OPEN, 4, path=""),
        Operation(Kind.SYNC, 4),
        Operation(Kind.WRITE, 3, offset=3, data=b"new"),
        Operation(Kind.OPEN, 5, flags=CREATE, path="b"),
        Operation(Kind.WRITE, 5, data=b"lost"),
    ):
        disk.carry_out(done)

    assert left(disk, tmp_path, Cut.EVERYTHING) == {"a": b"oldnew", "b": b"lost"}
    assert left(disk, tmp_path, Cut.NOTHING) == {"a": b"old"}
    assert left(disk, tmp_path, Cut.NAMES) == {"a": b"old", "b": b""}


def test_a_move_that_is_not_synced_leaves_the_old_name_or_the_new_one(tmp_path: Path) -> None:
    disk = Disk()
    for done in (
        Operation(Kind.OPEN, 3, flags=CREATE, path="a"),
        Operation(Kind.OPEN, 4, path=""),
        Operation(Kind.SYNC, 4),
        Operation(Kind.RENAME, path="a", other="b"),
    ):
        disk.carry_out(done)

    assert list(left(disk, tmp_path, Cut.NOTHING)) == ["a"]
    assert list(left(disk, tmp_path, Cut.NAMES)) == ["b"]
