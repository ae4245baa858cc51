"""Real agents on this machine, closed at the end of each test."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.agent import Agent
from edge_agent.config import ring_folder
from edge_contract.package import Package

MakeAgent = Callable[..., Agent]


@pytest.fixture
def make_agent(tmp_path: Path) -> Iterator[MakeAgent]:
    """Makes agents that keep their state in ``tmp_path / "state"`` or another folder there."""
    made: list[Agent] = []

    def make(model: str | Path | Package, *, folder: str = "state", **options: object) -> Agent:
        given = {"state": tmp_path / folder, "device": "cam-7", "ready_timeout_s": 20.0, **options}
        agent = Agent(model, **given)  # type: ignore[arg-type]
        made.append(agent)
        return agent

    yield make
    for agent in made:
        agent.close(drain_s=0.0)
        shutil.rmtree(ring_folder(agent.state), ignore_errors=True)
