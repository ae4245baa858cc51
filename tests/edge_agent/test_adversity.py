"""A disk that takes its time, a clock that says anything: predictions go on, all are counted."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.core.effects import Route
from edge_contract.messages import Assignment, encode
from tests.support.agent_core import START_UNIX_S, heard, serving, started, wishing
from tests.support.agent_device import Device, Shelf
from tests.support.agent_slots import V1, V2
from tests.support.links import wait_until
from tests.support.packages import digits

LATER = digits("1.1.0").package
YEAR_S = 365.25 * 86_400.0


def has_saved(device: Device, rows: int) -> bool:
    return device.rows_in_batches() == rows


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    device = Device(tmp_path, Shelf([digits().package, LATER]), OnnxRuntimeEngine())
    device.start(digits().package)
    device.wait_for_version("1.0.0")
    yield device
    device.store.slow_s = 0.0
    device.let_go()


def test_a_slow_disk_holds_up_no_prediction_and_costs_no_row(device: Device) -> None:
    device.store.slow_s = 0.3
    device.predict()
    device.shell.collect_soon()
    took_s: list[float] = []
    ends_s = time.monotonic() + 0.5

    while time.monotonic() < ends_s:  # at least one save is under way all the time
        began_s = time.monotonic()
        device.predict()
        took_s.append(time.monotonic() - began_s)
    device.store.slow_s = 0.0
    device.close()

    assert sorted(took_s)[len(took_s) // 2] < 0.02
    assert device.rows_in_batches() == len(took_s) + 1


def test_a_slow_disk_delays_an_update_and_no_more(device: Device) -> None:
    device.store.slow_s = 0.2

    device.desire(1, LATER)
    device.predict()

    device.wait_for_version("1.1.0")


@pytest.mark.parametrize("years", [10.0, -10.0, 200.0, -100.0])
def test_a_clock_that_jumps_by_years_costs_no_row_and_doubles_none(
    device: Device, monkeypatch: pytest.MonkeyPatch, years: float
) -> None:
    real = time.time
    ahead_s = [0.0]
    monkeypatch.setattr("time.time", lambda: real() + ahead_s[0])
    device.link.connect()

    for number, jump in enumerate((0.0, years, 0.0, years), 1):
        ahead_s[0] = jump * YEAR_S
        device.predict(5)
        device.shell.collect_soon()
        wait_until(partial(has_saved, device, 5 * number))
    ahead_s[0] = 0.0
    device.close()

    assert device.rows_in_batches() == device.rows_sent() == 20
    assert all(encode(batch) for batch in device.store.batches())  # times that can be sent


@pytest.mark.parametrize("years", [50.0, -50.0])
def test_a_trial_lasts_as_long_as_it_should_whatever_the_clock_on_the_wall_says(
    years: float,
) -> None:
    core = started()
    serving(core)
    heard(core, core.topics.desired, wishing(generation=2, digits=Assignment(V2)), now_s=4.0)
    core.on_fetched(V2.digest, 5.0)
    assert Route(V2.digest, fallback=V1.digest, model="digits") in core.on_loaded(
        V2.digest, "CPU", 10.0
    )
    core.on_calls(V2.digest, 5, 0, 11.0)

    core.on_timer(69.0, START_UNIX_S + years * YEAR_S)
    assert core.deployers["digits"].on_trial
    core.on_timer(70.0, START_UNIX_S - years * YEAR_S)
    assert not core.deployers["digits"].on_trial
