"""Agents whose answers are known, and jobs for them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from edge_agent.agent import Agent
from edge_agent.batch.jobs import ScoreJob, ScoreSummary
from edge_agent.batch.scoring import score
from edge_agent.batch.sources import source_at
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import mixed, regression


@pytest.fixture
def customers(make_agent: MakeAgent) -> Agent:
    """Needs age and income as numbers, and city as text."""
    return make_agent(mixed().package)


@pytest.fixture
def sums(make_agent: MakeAgent) -> Agent:
    """Says ``2 a - b + 3``."""
    return make_agent(regression().package)


def run_job(
    agent: Agent,
    source: Path,
    target: Path,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    **options: object,
) -> ScoreSummary:
    job = ScoreJob(source=source_at(source), target=target, **options)  # type: ignore[arg-type]
    return score(agent, job, console=Console(quiet=True), should_stop=should_stop)


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


CSV = "city,age,income\noslo,30,41000.5\n\nbergen,,39000\n,61,\n"
LINES = """
{"city": "oslo", "age": 30, "income": 41000.5}
{"city": "bergen", "age": null, "income": 39000}

{"city": null, "age": 61, "income": null}
"""
