"""Cuts the power at every point of a recorded story, and looks at what is left."""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from edge_contract.package import ArtifactRole, Package
from tests.support.packages import altered, digits, reversed_digits, touchy_digits
from tests.support.power_cut.after import NOTHING_YET, Moment, check, raise_it
from tests.support.power_cut.disk import Cut, Disk
from tests.support.power_cut.recording import Kind, Operation, recorded
from tests.support.power_cut.story import PACKAGES, Note, hopeless_in, write_packages

__all__ = ["Point", "Recording", "cut_everywhere", "notes_of", "record_story"]


class Point(NamedTuple):
    """One cut.

    Attributes:
        number: Of the call after which the power went, from 1.
        cut: What was left.
    """

    number: int
    cut: Cut | str


class Recording(NamedTuple):
    """A recorded story.

    Attributes:
        operations: What the process did to its disk.
        packages: Folder with the packages that it got.
    """

    operations: Sequence[Operation]
    packages: Path


def record_story(scratch: Path) -> Recording:
    """Let a real process live through the story, and write down what it does."""
    packages = scratch / "packages"
    write_packages(packages, _versions())
    operations = recorded(
        "tests.support.power_cut.story", scratch / "state", scratch, {PACKAGES: str(packages)}
    )
    return Recording(operations, packages)


def cut_everywhere(
    recording: "Recording",
    scratch: Path,
    *,
    chance: random.Random,
    wanted: Callable[[Point], bool] = lambda _point: True,
    on_wrong: Callable[[AssertionError], None] = raise_it,
) -> Counter[str]:
    """Cut at every point in every way that is wanted; return how often each way was tried.

    What is not as it must be is told to ``on_wrong``, with the point; by default it is raised.
    """
    operations, hopeless = recording.operations, hopeless_in(recording.packages)
    notes = notes_of(operations)
    disk, tried = Disk(), Counter[str]()
    for index, done in enumerate(operations):
        moment = _moment(notes, index, hopeless)
        torn = Point(index + 1, _TORN)
        if done.kind is Kind.WRITE and len(done.data) > 1 and wanted(torn):
            place = _emptied(scratch)
            if disk.left_of_write(place, done):
                _check(place, scratch, moment, torn, done, on_wrong)
                tried[_TORN] += 1
        if not disk.carry_out(done):
            continue
        for cut in Cut:
            point = Point(index + 1, cut)
            if wanted(point):
                place = _emptied(scratch)
                disk.left(place, cut, chance)
                _check(place, scratch, moment, point, done, on_wrong)
                tried[cut.value] += 1
    return tried


_TORN: Final = "half of the last write, as when the process dies within it"


def _versions() -> list[Package]:
    other_model = reversed_digits().package.model()
    false = altered(digits("1.2.0").package, ArtifactRole.MODEL, lambda _: other_model)
    return [digits().package, digits("1.1.0").package, false, touchy_digits("1.3.0")]


def notes_of(operations: Sequence[Operation]) -> list[tuple[int, Note]]:
    """Return what the process told, each with the number of calls before it."""
    disk, found = Disk(), list[tuple[int, Note]]()
    for index, done in enumerate(operations):
        before = len(disk.notes)
        disk.carry_out(done)
        found += [(index, Note.read(line)) for line in disk.notes[before:]]
    return found


def _moment(notes: Sequence[tuple[int, Note]], index: int, hopeless: frozenset[str]) -> Moment:
    earlier = [note for at, note in notes if at < index]
    later = [note for at, note in notes if at >= index]
    before = earlier[-1] if earlier else NOTHING_YET
    return Moment(before, tuple(later[:1]), hopeless)


def _emptied(scratch: Path) -> Path:
    place = scratch / "left"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    return place


def _check(
    place: Path,
    scratch: Path,
    moment: Moment,
    point: Point,
    done: Operation,
    on_wrong: Callable[[AssertionError], None],
) -> None:
    rings = scratch / "rings"
    shutil.rmtree(rings, ignore_errors=True)
    rings.mkdir()
    try:
        check(place, rings, moment)
    except Exception as error:  # noqa: BLE001  whatever it is, the agent did not start
        what = f"{done.kind.name} {done.path or done.fd}"
        wrong = AssertionError(f"cut at {point.number} ({what}), left {point.cut}: {error!r}")
        wrong.__cause__ = error
        on_wrong(wrong)
