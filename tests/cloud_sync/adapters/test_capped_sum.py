"""A sum in which no device is more than its part, whatever comes first."""

import random

import pytest

from cloud_sync.adapters.capped_sum import CappedSum
from cloud_sync.adapters.sql.feed import StoredWindow
from cloud_sync.adapters.sql.profiles import pack, unpack
from cloud_sync.core.increments import PackageRole
from edge_contract.messages import Counters
from edge_contract.stats import Profile, Sketch, SketchSpec
from tests.support.behaviours import FRAGILE, package_of, window

PACKAGE = package_of(FRAGILE, "1.0.0", rows=100)
SPEC = PACKAGE.specs["primary"]
LOOK = pack(window(PACKAGE, FRAGILE, random.Random(1), rows=10, dirty=False).to_state())


def window_of(device: str, rows: int = 10) -> StoredWindow:
    subject = PackageRole(PACKAGE.digest, "primary")
    return StoredWindow(1, device, subject, 0, 60, Counters(rows, rows), LOOK)


def places_of(profile: Profile) -> dict[int, int]:
    """How often each place of the first feature was seen."""
    sketch = profile.find("feature:x", SketchSpec.kind)
    assert isinstance(sketch, Sketch)
    return dict(sketch.counts)


def summed(windows: list[StoredWindow], *, at_once: int) -> CappedSum:
    found = CappedSum(SPEC)
    for at in range(0, len(windows), at_once):
        for one in windows[at : at + at_once]:
            found.add(one)
        found.settle()
    return found


@pytest.mark.parametrize("at_once", [1, 7, 1000])
@pytest.mark.parametrize("seed", range(3))
def test_devices_that_count_alike_are_all_in_it_in_whatever_order_they_come(
    seed: int, at_once: int
) -> None:
    windows = [window_of(f"cam-{n % 6}") for n in range(120)]
    if seed:
        random.Random(seed).shuffle(windows)
    else:
        windows.sort(key=lambda one: one.device)

    found = summed(windows, at_once=at_once).total()

    assert (found.counters.rows, found.devices, found.unjudged) == (1200, 6, {})
    once = places_of(unpack(LOOK, SPEC))
    assert places_of(found.profile) == {place: 120 * count for place, count in once.items()}


def test_a_device_that_came_first_with_very_much_is_not_in_it_for_good() -> None:
    loud = [window_of("loud", 1000) for _ in range(40)]
    honest = [window_of(f"cam-{n % 4}") for n in range(40)]

    alone = summed(loud, at_once=1).total()
    found = summed([*loud, *honest], at_once=1).total()

    assert (alone.counters.rows, alone.is_bounded) == (40_000, False)
    assert (found.counters.rows, found.unjudged) == (400, {"loud": 40_000})


def test_what_waits_gets_in_when_the_others_have_counted_enough() -> None:
    found = CappedSum(SPEC)
    for _ in range(3):
        for device in ("a", "b", "c", "busy", "busy", "busy"):
            found.add(window_of(device))
    early = found.total()
    for _ in range(40):
        for device in ("a", "b", "c"):
            found.add(window_of(device))

    late = found.total()

    assert (early.counters.rows, early.unjudged) == (130, {"busy": 50})
    assert (late.counters.rows, late.unjudged) == (1380, {})


def test_the_sum_of_three_devices_is_whole_and_says_that_it_is_not_bounded() -> None:
    windows = [window_of("busy") for _ in range(50)] + [window_of("a"), window_of("b")]

    found = summed(windows, at_once=5).total()

    assert (found.counters.rows, found.devices, found.is_bounded) == (520, 3, False)
