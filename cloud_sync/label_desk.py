"""The label desk: truths that people found out, counted as if devices had been told them.

A prediction id carries what a label needs, so any system that kept it can say what came true. Every
row is noted in the same transaction as its count, so telling it again changes nothing. What a
device was told itself (``agent.label``) the cloud knows only in sums: tell each truth in one place.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, TypeAlias

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.increments import (
    Commit,
    DeviceIncrement,
    DeviceWindow,
    FleetWindow,
    Increment,
    PackageRole,
    PendingKey,
)
from cloud_sync.core.segments import Segment
from cloud_sync.group_desk import Note
from cloud_sync.ports import LabelLedger, PackageRepository
from cloud_sync.sample_views import LabelGiven, LabelsView
from edge_contract.errors import UsageError
from edge_contract.messages import Counters
from edge_contract.package import Role, Task, count_rows, layout_of
from edge_contract.package.truths import class_indices, truth_row
from edge_contract.prediction_id import PREFIX_CHARACTERS, label_key, read_id

__all__ = ["LabelDesk", "Windows"]

_MOST_PROBLEMS: Final = 20
_PREFIX: Final = len("sha256:") + PREFIX_CHARACTERS


Order: TypeAlias = Callable[[Callable[[], "list[bool]"]], "list[bool]"]


class Windows(NamedTuple):
    """Lengths of windows, see :class:`cloud_sync.core.increments.Commit`."""

    fleet_s: int
    device_s: int


class _Row(NamedTuple):
    """A label that can be counted."""

    key: int
    package: str
    device: str
    numbers: tuple[float, ...]


@dataclass(slots=True)
class _Sorted:
    """Labels, by what can be done with them."""

    rows: list[_Row] = field(default_factory=list)
    told: dict[int, str] = field(default_factory=dict)
    unknown: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        if len(self.problems) < _MOST_PROBLEMS and text not in self.problems:
            self.problems.append(text)


class LabelDesk:
    """Implements :class:`cloud_sync.sample_views.LabelBook`.

    Args:
        ledger: Knows which rows were labelled, and where counts go.
        packages: The registry.
        order: Runs the writing of counts on the thread that owns them, and returns what it does.
        windows: Their lengths.
        device_of: Finds a device by its name or pseudonym; ``None`` for an unknown one.
        segments: Finds the segments that a device is in; asked on the conductor's thread.
        note: Writes down what was done.
    """

    def __init__(
        self,
        ledger: LabelLedger,
        packages: PackageRepository,
        order: Order,
        *,
        windows: Windows,
        device_of: Callable[[str], str | None],
        segments: Callable[[str], tuple[Segment, ...]],
        note: Note,
    ) -> None:
        self._ledger = ledger
        self._packages = packages
        self._order = order
        self._windows = windows
        self._device_of = device_of
        self._segments = segments
        self._note = note

    def add(self, labels: Sequence[LabelGiven], *, by: str) -> LabelsView:
        """Count truths, and none of them twice."""
        found = self._sorted(labels)
        new: list[bool] = []
        if found.rows:
            now_unix_s = time.time()
            new = self._order(
                lambda: self._ledger.count_labels(
                    [row.key for row in found.rows],
                    lambda new: self._commit(found.rows, new, now_unix_s),
                    at_unix_s=now_unix_s,
                )
            )
        names = {facts.digest: facts.manifest.reference for facts in self._facts().values()}
        counted = [row for row, is_new in zip(found.rows, new, strict=True) if is_new]
        view = LabelsView(
            counted=len(counted),
            repeated=len(found.rows) - len(counted),
            unknown=found.unknown,
            refused=found.refused,
            by_version=dict(Counter(names[row.package] for row in counted)),
            problems=found.problems,
        )
        self._note(
            by,
            "labels.import",
            ", ".join(view.by_version),
            {
                "counted": view.counted,
                "repeated": view.repeated,
                "unknown": view.unknown,
                "refused": view.refused,
            },
        )
        return view

    def _sorted(self, labels: Sequence[LabelGiven]) -> _Sorted:
        packages = self._facts()
        classes: dict[str, Mapping[str | int, float]] = {}
        devices: dict[str, str] = {}
        found = _Sorted()
        for given in labels:
            try:
                predicted = read_id(given.prediction_id)
            except UsageError as error:
                found.refused += max(len(given.truth), 1)
                found.complain(str(error))
                continue
            facts = packages.get(predicted.package)
            if facts is None:
                found.unknown += len(predicted.classes)
                found.complain(f"package {predicted.package}... is not in the registry")
                continue
            known = classes.setdefault(facts.digest, class_indices(facts.manifest))
            if given.device not in devices:
                devices[given.device] = self._device(given.device, found)
            try:
                rows = _numbers(facts, given, predicted.classes, predicted.scores, known=known)
            except UsageError as error:
                found.refused += len(predicted.classes)
                found.complain(str(error))
                continue
            for place, numbers in enumerate(rows):
                key = label_key(facts.digest, predicted.number + place)
                said = repr(numbers)  # a score may be NaN, which equals nothing
                if found.told.setdefault(key, said) == said:
                    found.rows.append(_Row(key, facts.digest, devices[given.device], numbers))
                else:
                    found.refused += 1
                    found.complain(f"{given.prediction_id!r:.60} has two truths: the first counts")
        return found

    def _device(self, name: str, found: _Sorted) -> str:
        """Return the device of a label; empty for one that is not known, which is only told."""
        device = self._device_of(name) if name else ""
        if device is None:
            found.complain(f"device {name!r:.80} is unknown: its labels count for the fleet alone")
        return device or ""

    def _commit(self, rows: Sequence[_Row], new: Sequence[bool], now_unix_s: float) -> Commit:
        """Return what the rows that are new come to."""
        by_source: dict[tuple[str, str], list[tuple[float, ...]]] = {}
        for row, is_new in zip(rows, new, strict=True):
            if is_new:
                by_source.setdefault((row.package, row.device), []).append(row.numbers)
        windows: dict[FleetWindow, Increment] = {}
        device_windows: dict[DeviceWindow, DeviceIncrement] = {}
        pending: dict[PendingKey, Increment] = {}
        for (package, device), numbers in by_source.items():
            facts = self._packages.find(package)
            if facts is None:
                raise UsageError(f"package {package} has left the registry")
            subject = PackageRole(package, Role.LABELS)
            spec = facts.specs[Role.LABELS]
            profile = count_rows(spec, layout_of(Role.LABELS, facts.manifest, spec), numbers)
            counters = Counters(rows=len(numbers))
            one = Increment(counters, profile)
            fleet = FleetWindow(subject, _aligned(now_unix_s, self._windows.fleet_s))
            windows[fleet] = windows[fleet].merged(one) if fleet in windows else one
            segments = self._segments(device) if device else ()
            key = PendingKey(subject, segments)
            pending[key] = pending[key].merged(one) if key in pending else one
            if device:
                own = DeviceWindow(device, subject, _aligned(now_unix_s, self._windows.device_s))
                device_windows[own] = DeviceIncrement(counters, spec, (dict(profile.to_state()),))
        return Commit(
            windows=windows,
            device_windows=device_windows,
            pending=pending,
            window_s=self._windows.fleet_s,
            device_window_s=self._windows.device_s,
            at_unix_s=now_unix_s,
        )

    def _facts(self) -> dict[str, PackageFacts]:
        """Return the packages of the registry, by how ids name them."""
        found: dict[str, PackageFacts] = {}
        for model in self._packages.models():
            for version in self._packages.versions(model):
                facts = self._packages.find(version.digest)
                if facts is not None:
                    found[version.digest[:_PREFIX]] = facts
        return found


def _numbers(
    facts: PackageFacts,
    given: LabelGiven,
    classes: Sequence[float],
    scores: Sequence[float],
    *,
    known: Mapping[str | int, float],
) -> list[tuple[float, ...]]:
    manifest = facts.manifest
    if len(given.truth) != len(classes):
        raise UsageError(
            f"got {len(given.truth)} truths for a prediction of {len(classes)} rows of "
            f"{manifest.reference}: give one for each"
        )
    return [
        truth_row(
            manifest,
            _as_meant(truth, known, is_number=manifest.task is Task.REGRESSION),
            predicted=predicted,
            score=score,
            known=known,
        )
        for truth, predicted, score in zip(given.truth, classes, scores, strict=True)
    ]


def _as_meant(
    truth: str | int | float, known: Mapping[str | int, float], *, is_number: bool
) -> str | int | float:
    """Return a truth as the model has it: files of text write numbers as texts, and the reverse."""
    if truth in known:
        return truth
    if not isinstance(truth, str):
        text = str(truth)
        return text if not is_number and text in known else truth
    try:
        number = float(truth)
    except ValueError:
        return truth
    return number if is_number or _whole(number) in known else truth


def _whole(number: float) -> int | None:
    """Return a whole number, or ``None``."""
    return int(number) if number.is_integer() else None


def _aligned(unix_s: float, length_s: int) -> int:
    return int(unix_s // length_s) * length_s
