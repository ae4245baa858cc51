"""Batch scoring: every row of a source through an agent, in memory bounded by a block."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from edge_agent.batch.answers import checked_kept
from edge_agent.batch.durable import beside
from edge_agent.batch.jobs import ScoreJob, ScoreSummary, target_kind
from edge_agent.batch.progress import telling
from edge_agent.batch.run import Run
from edge_agent.batch.sources import STDIO
from edge_contract.errors import UnavailableError, UsageError

if TYPE_CHECKING:
    from edge_agent.agent import Agent

__all__ = ["score"]


def score(
    agent: "Agent",
    job: ScoreJob,
    *,
    console: Console,
    should_stop: Callable[[], bool] = lambda: False,
) -> ScoreSummary:
    """Predict every row of a source.

    The target appears when it is complete. A job that was stopped, or killed, is continued by the
    same job: at most the rows of five seconds are predicted again, and none is written twice.

    Args:
        agent: Predicts, and counts statistics as for any other call.
        job: What to do.
        console: For the bar.
        should_stop: Is asked after every block.

    Raises:
        UsageError: A file cannot be read or its kind is unknown, the columns do not fit the model,
            or a row does not and the job is strict.
        UnavailableError: The target cannot be written, or the model failed on all rows of a block.
    """
    checked_kept(job.kept)
    if job.target != STDIO:
        target_kind(job.target)
        if any(job.target.exists() and job.target.samefile(path) for path in job.source.paths):
            raise UsageError(f"{job.target.name!r} is to be read and written: name another file")
    agent.wait_ready()
    try:
        run = Run(agent, job)
        with (
            run,
            telling(
                console,
                job.source.name,
                rows=run.summary.rows,
                is_measured=not job.source.is_stream,
            ) as told,
        ):
            run.go(told, should_stop)
    except OSError as error:
        raise UnavailableError(f"cannot write {_failed(job, error)}: {error.strerror}") from error
    return run.summary


def _failed(job: ScoreJob, error: OSError) -> str:
    """Return which of the files of a job could not be written."""
    rejects, path = job.rejects_path, Path(str(error.filename or ""))
    if rejects is not None and path in (rejects, beside(rejects, "part")):
        return repr(str(rejects))
    return job.told_target if job.target == STDIO else repr(job.told_target)
