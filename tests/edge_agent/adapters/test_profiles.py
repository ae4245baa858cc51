"""Profiles say what a session takes, and no session takes more cores than its process may use."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.process_memory import (
    brief_turns,
    give_back_memory,
    lower_priority,
)
from edge_agent.adapters.profiles import PROFILES, usable_cores
from edge_contract.errors import UsageError
from tests.support.packages import digits


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_gives_the_same_answers(name: str) -> None:
    engine = OnnxRuntimeEngine(profile=name)
    label, probabilities = engine.load(digits().package).run({"X": digits().rows[:50]})
    assert label.tolist() == digits().labels[:50].tolist()
    assert probabilities.shape == (50, 10)


def test_only_throughput_uses_more_than_one_core() -> None:
    found = {name: OnnxRuntimeEngine(profile=name).threads for name in PROFILES}
    assert found == {"low-power": 1, "balanced": 1, "throughput": usable_cores()}


def test_threads_may_be_asked_for_in_any_profile() -> None:
    assert OnnxRuntimeEngine(profile="low-power", threads=3).threads == 3


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no profile 'fast': choose one of low-power, balanced, t"):
        OnnxRuntimeEngine(profile="fast")


@pytest.mark.parametrize("threads", [-1, 5000, "2", 1.5])
def test_a_number_of_threads_that_is_none_is_refused(threads: int) -> None:
    with pytest.raises(UsageError, match="threads for a call must be a whole number from 0 to"):
        OnnxRuntimeEngine(threads=threads)


@pytest.mark.parametrize("wished", ["cuda", "openvino,cpu", "coreml cpu"])
def test_providers_may_come_as_one_text(wished: str) -> None:
    session = OnnxRuntimeEngine(providers=wished).load(digits().package)

    assert session.provider == "CPUExecutionProvider"
    assert "ExecutionProvider" in session.fallback


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="only Linux keeps to some cores")
def test_cores_that_the_process_may_not_use_are_not_counted() -> None:
    allowed = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(allowed)})
        assert usable_cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)
    assert usable_cores() == len(allowed)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="others do it by themselves")
def test_freed_memory_goes_back_to_the_system() -> None:
    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    pieces = [bytes(60_000) for _ in range(1000)]
    kept = bytes(60_000)  # above the others, so that they stay without being asked for
    held = resident()
    del pieces
    give_back_memory()
    assert held - resident() > 30_000_000
    assert len(kept) == 60_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux alone can")
def test_a_thread_lowers_its_own_priority_and_no_other() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[int] = []

    def lower() -> None:
        assert lower_priority()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    thread = threading.Thread(target=lower)
    thread.start()
    thread.join()

    assert found == [max(before, 10)]
    assert os.getpriority(os.PRIO_PROCESS, 0) == before


def test_turns_are_brief_until_the_last_who_wanted_that_ends() -> None:
    usual_s = sys.getswitchinterval()

    with brief_turns():
        with brief_turns():
            assert sys.getswitchinterval() < usual_s
        assert sys.getswitchinterval() < usual_s

    assert sys.getswitchinterval() == usual_s


LARGE_BLOCKS = """
import os
from pathlib import Path
from edge_agent.adapters.process_memory import large_blocks_apart

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

with large_blocks_apart():
    pieces = [bytes(b"x" * 1_000_000) for _ in range(60)]
    kept = b"y" * 60_000
held = resident()
del pieces
print(held - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a matter of glibc")
def test_large_blocks_go_back_by_themselves() -> None:
    done = subprocess.run(  # other tests leave holes in the memory of this process
        [sys.executable, "-c", LARGE_BLOCKS], capture_output=True, text=True, check=True, timeout=60
    )

    assert int(done.stdout) > 50_000_000
