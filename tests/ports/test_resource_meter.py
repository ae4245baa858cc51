"""What every meter promises, on the real ones."""

import importlib
import sys
import time
from collections.abc import Callable

import pytest

from edge_agent.adapters.proc_meter import ProcMeter
from edge_agent.adapters.psutil_meter import PsutilMeter
from edge_agent.ports import ResourceMeter
from edge_agent.resources import meter_here

MakeMeter = Callable[[], ResourceMeter]


def proc_meter() -> ResourceMeter:
    if sys.platform != "linux":
        pytest.skip("only Linux has these files")
    return ProcMeter()


def psutil_meter() -> ResourceMeter:
    pytest.importorskip("psutil")
    return PsutilMeter(importlib.import_module("psutil"))


@pytest.fixture(params=[proc_meter, psutil_meter, meter_here])
def meter(request: pytest.FixtureRequest) -> ResourceMeter:
    made: ResourceMeter = request.param()
    return made


def test_the_memory_of_this_process_grows_with_what_it_holds(meter: ResourceMeter) -> None:
    before = meter.process_bytes()
    held = bytearray(b"\1" * 64 * 2**20)
    after = meter.process_bytes()
    assert before is not None
    assert after is not None
    assert 40 * 2**20 < after - before < 640 * 2**20  # other threads may take some meanwhile
    assert len(held) == 64 * 2**20


def test_a_busy_process_has_a_core_and_an_idle_one_has_none(meter: ResourceMeter) -> None:
    meter.read()
    until_s = time.process_time() + 0.2
    while time.process_time() < until_s:
        pass
    busy = meter.read()
    time.sleep(0.2)
    idle = meter.read()

    assert busy.cpu is not None
    assert idle.cpu is not None
    assert idle.cpu < 0.5 * busy.cpu


def test_figures_are_possible_ones(meter: ResourceMeter) -> None:
    meter.read()
    time.sleep(0.05)
    found = meter.read()
    assert found.memory_mb is not None
    assert found.memory_free_mb is not None
    assert 1 < found.memory_mb < found.memory_mb + found.memory_free_mb
    assert found.load is None or 0.0 <= found.load <= 1.0
    assert found.battery is None or 0.0 <= found.battery <= 1.0
    assert found.temperature_c is None or -50 < found.temperature_c < 150
