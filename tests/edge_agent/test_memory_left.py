"""What is left of the memory that an agent may take, for who needs much of it for a moment."""

from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.assembly import Assembly, Limits
from edge_agent.core.agent import AgentConfig

CONFIG = AgentConfig(fleet="lab", device="cam-7", models=("digits",))


def left(folder: Path, memory_bytes: int | None) -> int | None:
    with closing(Assembly(CONFIG, folder, Limits(memory_bytes=memory_bytes))) as parts:
        return parts.memory_left()


def test_without_a_limit_nobody_says(tmp_path: Path) -> None:
    assert left(tmp_path, None) is None


def test_what_the_process_has_is_taken_off(tmp_path: Path) -> None:
    found = left(tmp_path, 2**40)

    if found is None:
        pytest.skip("this system does not say how large a process is")
    assert 2**39 < found < 2**40 - 2**20


def test_above_the_limit_nothing_is_left(tmp_path: Path) -> None:
    assert left(tmp_path, 1) in (0, None)
