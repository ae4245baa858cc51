"""Labels that come to the cloud: counted as devices would count them, odd ones named."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.adapters.folder_registry import FolderRegistry
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.segments import Segment
from cloud_sync.label_desk import LabelDesk, Windows
from cloud_sync.sample_views import LabelGiven
from edge_agent.adapters.outputs import Decoded
from edge_agent.prediction import Answer, Origin, Prediction
from edge_contract.package import Package, Role
from edge_contract.reading import JsonObject
from tests.support.memory_warehouse import MemoryWarehouse
from tests.support.packages import digits, regression

SITE = Segment("site", "oslo")


class Desk:
    """A label desk over a warehouse in memory and a registry in a folder."""

    def __init__(self, folder: Path, *packages: Package) -> None:
        self.warehouse = MemoryWarehouse()
        self.notes: list[tuple[str, str, str, JsonObject]] = []
        registry = FolderRegistry(folder)
        for package in packages:
            registry.put(package, at_unix_s=1.0)
        self.desk = LabelDesk(
            self.warehouse,
            registry,
            lambda work: work(),
            windows=Windows(60, 60),
            device_of={"cam-1": "cam-1", "p-77": "cam-1"}.get,
            segments=lambda _device: (SITE,),
            note=lambda *line: self.notes.append(line),
        )
        self.registry = registry

    def labelled(self, package: Package, *, device: str = "") -> JsonObject:
        subject = PackageRole(package.digest, Role.LABELS)
        facts = self.registry.find(package.digest)
        assert facts is not None
        devices = frozenset({device}) if device else None
        found = self.warehouse.cohort(subject, facts.specs[Role.LABELS], devices=devices)
        return {"rows": found.counters.rows, "states": str(found.profile.to_state())}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, digits().package, regression().package)
    yield made
    made.registry.close()


def predicted(package: Package, classes: Sequence[float], scores: Sequence[float]) -> Prediction:
    """A prediction as a device makes it."""
    decoded = Decoded(None, None, None, np.array(classes, np.float32), np.array(scores, np.float32))
    origin = Origin(package.manifest.reference, package.digest, package.manifest)
    return Prediction(Answer(decoded), origin)


def test_a_label_counts_for_the_fleet_and_for_its_device(desk: Desk) -> None:
    package = digits().package
    one, two = predicted(package, [3.0], [0.9]), predicted(package, [4.0], [0.8])

    view = desk.desk.add([LabelGiven(one.id, (3,), "p-77"), LabelGiven(two.id, ("7",))], by="anna")

    assert (view.counted, view.repeated, view.unknown, view.refused) == (2, 0, 0, 0)
    assert view.by_version == {"digits@1.0.0": 2}
    assert desk.labelled(package)["rows"] == 2
    assert desk.labelled(package, device="cam-1")["rows"] == 1
    assert desk.notes[0][:3] == ("anna", "labels.import", "digits@1.0.0")


def test_a_whole_call_and_one_of_its_rows_count_once(desk: Desk) -> None:
    call = predicted(digits().package, [1.0, 2.0, 3.0], [0.9, 0.8, 0.7])

    whole = desk.desk.add([LabelGiven(call.id, (1, 2, 9))], by="anna")
    again = desk.desk.add([LabelGiven(call.ids[1], (2,)), LabelGiven(call.id, (1, 2, 9))], by="bob")

    assert (whole.counted, again.counted, again.repeated) == (3, 0, 4)
    assert desk.labelled(digits().package)["rows"] == 3


def test_of_two_truths_of_a_row_the_first_counts_and_the_other_is_refused(desk: Desk) -> None:
    call = predicted(digits().package, [1.0], [float("nan")])

    view = desk.desk.add([LabelGiven(call.id, (text,)) for text in ("1", 1, "2")], by="anna")

    assert (view.counted, view.repeated, view.refused) == (1, 1, 1)
    assert "has two truths: the first counts" in view.problems[0]


@pytest.mark.parametrize("truth", [12.5, "12.5", 12])
def test_numbers_are_taken_as_files_write_them(desk: Desk, truth: str | float) -> None:
    call = predicted(regression().package, [float("nan")], [13.0])

    view = desk.desk.add([LabelGiven(call.id, (truth,))], by="anna")

    assert view.counted == 1
    assert desk.labelled(regression().package)["rows"] == 1


def test_what_cannot_be_counted_is_named_and_the_rest_counts(desk: Desk) -> None:
    package = digits().package
    good, more = predicted(package, [3.0], [0.9]), predicted(package, [3.0], [0.9])
    stranger = predicted(digits("7.7.7").package, [3.0], [0.9])
    number = predicted(regression().package, [float("nan")], [1.0])

    view = desk.desk.add(
        [
            LabelGiven(good.id, (3,), "cam-99"),
            LabelGiven(stranger.id, (3,)),
            LabelGiven("nonsense", (3,)),
            LabelGiven(good.id[:-2], (3,)),
            LabelGiven(more.id, ("three",)),
            LabelGiven(more.id, (1, 2)),
            LabelGiven(number.id, ("inf",)),
        ],
        by="anna",
    )

    assert (view.counted, view.unknown, view.refused) == (1, 1, 5)
    told = "\n".join(view.problems)
    assert "device 'cam-99' is unknown: its labels count for the fleet alone" in told
    assert "is not in the registry" in told
    assert "truth 'three' is no class of digits@1.0.0" in told
    assert "got 2 truths for a prediction of 1 rows of digits@1.0.0" in told
    assert "truth inf of sum@" in told
    assert desk.labelled(package)["rows"] == 1


def test_what_wakes_the_detectors_carries_the_segments_of_the_device(desk: Desk) -> None:
    package = digits().package
    call = predicted(package, [3.0], [0.9])

    desk.desk.add([LabelGiven(call.id, (4,), "cam-1")], by="anna")

    facts = desk.registry.find(package.digest)
    assert facts is not None
    subject = PackageRole(package.digest, Role.LABELS)
    pending = desk.warehouse.pending(subject, facts.specs[Role.LABELS])
    assert pending is not None
    assert [key.segments for key in pending.groups] == [(SITE,)]
