"""A ring whose threads are hasty, or whose process is killed, holds whole rows alone."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_agent.adapters.ring import Ring, RingMark
from tests.edge_agent.adapters.rings import numbered, row_of


@pytest.fixture
def _hasty_threads() -> Iterator[None]:
    """Threads take turns after nearly every step."""
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual_s)


@pytest.mark.usefixtures("_hasty_threads")
def test_threads_that_append_at_once_lose_no_row_and_mix_none(path: Path) -> None:
    ring = Ring(path, 4)
    ring.lay_out_calls(1)
    begin = threading.Barrier(4)

    def call(thread: int) -> None:
        front = np.full((1, 1), thread, np.float32)
        begin.wait()
        for number in range(1500):
            if thread == 3:
                ring.append_row(row_of(thread, thread, number, -number))
            else:
                ring.append_call(front, thread, number, -number)

    def append_under_the_lock(thread: int) -> None:
        begin.wait()
        for number in range(300):
            with ring.lock:
                ring.exclude_others()
                row = np.array([[thread, thread, number, -number]] * 2, np.float32)
                ring.append([row], 2, 10.0, calls=1)
                ring.count(failures=1)

    threads = [threading.Thread(target=call, args=(number,)) for number in (1, 2, 3)]
    threads.append(threading.Thread(target=append_under_the_lock, args=(4,)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert ring.mark == RingMark(rows=5100, calls=4800, failures=300)
    rows = [row for block in ring.read(0, 5100) for row in block.tolist()]
    numbers: dict[float, list[float]] = {1.0: [], 2.0: [], 3.0: [], 4.0: []}
    for front, first, second, third in rows:
        assert (front, third) == (first, -second)
        numbers[front].append(second)
    for thread_number in (1.0, 2.0, 3.0):
        assert numbers[thread_number] == [float(number) for number in range(1500)]
    assert numbers[4.0] == [float(number // 2) for number in range(600)]
    ring.close()


@pytest.mark.usefixtures("_hasty_threads")
def test_a_ring_may_be_closed_while_a_thread_appends(path: Path) -> None:
    ring = Ring(path, 4)
    ring.lay_out_calls(1)
    rooms: list[int] = []

    def call() -> None:
        front = np.ones((1, 1), np.float32)
        while not rooms or rooms[-1] > 0:
            rooms.append(ring.append_call(front, 1.0, 2.0, 3.0))

    thread = threading.Thread(target=call)
    thread.start()
    while len(rooms) < 100:
        time.sleep(0)
    with ring.lock:
        ring.close()
    thread.join()

    again = Ring(path, 4)
    assert again.mark.rows == len(rooms) - 1
    again.close()


APPENDER = """
import os, random, signal, sys, time
from pathlib import Path
import numpy as np
from edge_agent.adapters.ring import Ring

def append_for_ever():
    ring = Ring(Path(sys.argv[1]), 3)
    ring.lay_out_calls(0)
    nothing = np.zeros((1, 0), np.float32)
    number = ring.mark.rows
    os.write(ready, b"!")
    while True:
        count = number % 7 + 1
        numbers = np.arange(number, number + count, dtype=np.float32)
        ring.append([np.stack([numbers, -numbers], axis=1), numbers + 0.5], count, 1.0, calls=count)
        number += count
        for _ in range(number % 3):
            ring.append_call(nothing, number, -number, number + 0.5)
            number += 1
        ring.release(max(number - 20, 0), 1.0)
        ring.count(failures=1, dropped=1)

chance = random.Random(7)
for _ in range(int(sys.argv[2])):
    began, ready = os.pipe()
    child = os.fork()  # quicker than a process that imports numpy
    if child == 0:
        append_for_ever()
    os.read(began, 1)
    time.sleep(chance.uniform(0.0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print("killed", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_process_killed_at_any_moment_leaves_whole_rows_and_counters_that_agree(
    path: Path,
) -> None:
    command = [sys.executable, "-c", APPENDER, str(path), "40"]
    before = 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _line in process.stdout:
            ring = Ring(path, 3)
            mark, first = ring.mark, ring.released
            waiting = [row for block in ring.read(first, mark.rows) for row in block.tolist()]
            ring.close()

            assert mark.calls == mark.rows >= before
            assert 0 <= mark.failures == mark.dropped
            assert waiting == numbered(first, mark.rows - first).tolist()
            before = mark.rows
            process.stdin.write("next\n")
            process.stdin.flush()

    assert process.returncode == 0
    assert before > 1000
