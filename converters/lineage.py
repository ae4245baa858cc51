"""Where a model comes from: the commit of the working directory, and the run that trained it."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

from converters.mlflow_run import read_mlflow_run
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

__all__ = ["git_state", "training_run"]

_GIT_TIMEOUT_S: Final = 10.0
_MAX_REFERENCE: Final = 500


def git_state(folder: Path) -> JsonObject:
    """Return the commit that a folder is at and whether tracked files were changed since.

    Empty if the folder is in no git repository, the repository has no commit, or git is missing.
    """
    git = shutil.which("git")
    if git is None:
        return {}
    commit = _answer(git, folder, "rev-parse", "HEAD")
    changes = _answer(git, folder, "status", "--porcelain", "--untracked-files=no")
    if commit is None or changes is None:
        return {}
    return {"commit": commit, "dirty": bool(changes)}


def training_run(*, mlflow_run: str = "", tracker_run: str = "") -> JsonObject:
    """Return what is known of the run that trained a model, for its lineage.

    Args:
        mlflow_run: The folder of an MLflow run, or the id of one in ``./mlruns`` or
            ``./mlflow.db``; see :func:`converters.mlflow_run.read_mlflow_run`.
        tracker_run: A run of another tracker, such as ``wandb:entity/project/run``: kept as it is
            given, and not looked up.

    Raises:
        UsageError: There is no such MLflow run, or the reference has another form.
    """
    found: JsonObject = {}
    if mlflow_run:
        found = {"mlflow": read_mlflow_run(mlflow_run)}
    if tracker_run:
        found = {**found, "tracker_run": _checked_reference(tracker_run)}
    return found


def _checked_reference(reference: str) -> str:
    tracker, _, run = reference.partition(":")
    is_plain = reference.isprintable() and len(reference) <= _MAX_REFERENCE
    if not (tracker.isidentifier() and run.strip() and is_plain):
        raise UsageError(
            f"tracker run {reference[:80]!r} has another form than TRACKER:RUN, such as "
            "wandb:entity/project/run"
        )
    return reference


def _answer(git: str, folder: Path, *arguments: str) -> str | None:
    try:
        finished = subprocess.run(
            [git, "-C", str(folder), *arguments],
            capture_output=True,
            check=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):  # no repository here: that is no error
        return None
    return finished.stdout.strip()
