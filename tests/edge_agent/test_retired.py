"""Sessions that serve no more go when nobody is disturbed by it, and at last in any case."""

import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.recorder import Recorder
from edge_agent.retired import Retired
from edge_agent.servable import Servable
from tests.support.links import wait_until
from tests.support.packages import regression


class Calls:
    """A number of calls that rises while the device is busy."""

    def __init__(self) -> None:
        self.busy = True
        self._number = 0

    def __call__(self) -> int:
        self._number += self.busy
        return self._number


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[[], Servable]]:
    recorder = Recorder(tmp_path, {})
    package = regression().package
    recorder.knows(package.digest, package.manifest, package.reference())

    def made() -> Servable:
        session = OnnxRuntimeEngine().load(package)
        return Servable(package, package.digest, session=session, recorder=recorder, salt="f")

    yield made
    recorder.close()


def added(retired: Retired, servable: Servable) -> "weakref.ref[object]":
    retired.add(servable)
    return weakref.ref(servable.session)


def test_a_session_stays_while_calls_come_and_goes_when_none_do(
    make: Callable[[], Servable],
) -> None:
    calls = Calls()
    retired = Retired(calls, look_s=0.01)

    gone = added(retired, make())
    time.sleep(0.1)
    assert gone() is not None
    assert len(retired) == 1

    calls.busy = False
    wait_until(lambda: gone() is None)
    assert len(retired) == 0
    wait_until(lambda: all(t.name != "edgefleet-retired" for t in threading.enumerate()))
    calls.busy = True
    again = added(retired, make())
    assert len(retired) == 1
    retired.close()
    assert again() is None


def test_of_many_only_the_latest_two_stay(make: Callable[[], Servable]) -> None:
    retired = Retired(Calls(), look_s=0.01)

    first, second, third = (added(retired, make()) for _ in range(3))

    wait_until(lambda: first() is None)
    time.sleep(0.05)
    assert second() is not None
    assert third() is not None
    retired.close()


def test_what_is_let_go_of_in_no_time_goes_before_what_is_not(
    make: Callable[[], Servable],
) -> None:
    retired = Retired(Calls(), look_s=0.01)
    slow, quick, last = make(), make(), make()
    quick.session.is_compiled = True  # type: ignore[attr-defined]

    kept, gone = added(retired, slow), added(retired, quick)
    del slow, quick
    also_kept = added(retired, last)
    del last

    wait_until(lambda: gone() is None)
    assert kept() is not None
    assert also_kept() is not None
    retired.close()


def test_none_stays_where_memory_is_short(make: Callable[[], Servable]) -> None:
    retired = Retired(Calls(), most=0, look_s=0.01)
    gone = added(retired, make())
    wait_until(lambda: gone() is None)
    retired.close()


def test_none_stays_longer_than_it_may(make: Callable[[], Servable]) -> None:
    retired = Retired(Calls(), look_s=0.01, longest_s=0.2)
    gone = added(retired, make())
    wait_until(lambda: gone() is None)
    retired.close()


def test_at_the_end_all_go_at_once(make: Callable[[], Servable]) -> None:
    retired = Retired(Calls(), look_s=0.01)
    gone = added(retired, make())
    retired.close()
    assert gone() is None
    late = added(retired, make())
    assert late() is None
    retired.close()
