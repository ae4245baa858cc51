"""The operator sees which devices keep updates waiting, and why."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import MemoryCloud
from tests.support.views import device

Run = Callable[..., Outcome]


def test_the_cloud_shows_what_keeps_updates_waiting(run: Run, backend: MemoryCloud) -> None:
    view = device("cam-01")
    report = view.models["digits"]
    assert isinstance(report, Mapping)
    told = {**report, "updates": "held by the application: the arm moves; download only"}
    backend.put_device(replace(view, models={"digits": told}))

    shown = " ".join(run("fleet", "device", "cam-01").out.split())

    assert "updates wait │ held by the application: the arm moves; download only" in shown


def test_a_device_that_keeps_nothing_waiting_has_no_such_line(
    run: Run, backend: MemoryCloud
) -> None:
    backend.put_device(device("cam-01"))

    assert "updates wait" not in run("fleet", "device", "cam-01").out
