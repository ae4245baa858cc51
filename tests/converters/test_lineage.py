"""The commit that a model was made at is in its lineage, if there is one."""

import shutil
import subprocess
from pathlib import Path

import pytest

from converters.lineage import git_state, training_run
from edge_contract.errors import UsageError

GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    command = [str(GIT), "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@needs_git
def test_the_commit_and_whether_files_were_changed_since(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "train.py").write_text("fit()")
    git(tmp_path, "add", "train.py")
    git(tmp_path, "commit", "--quiet", "--message", "Train")
    (tmp_path / "notes.txt").write_text("not tracked")

    clean = git_state(tmp_path)
    (tmp_path / "train.py").write_text("fit(harder=True)")
    changed = git_state(tmp_path)

    assert clean == {"commit": git(tmp_path, "rev-parse", "HEAD"), "dirty": False}
    assert changed == {**clean, "dirty": True}


@needs_git
def test_a_repository_without_a_commit_says_nothing(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")

    assert git_state(tmp_path) == {}


def test_a_folder_that_is_no_repository_says_nothing(tmp_path: Path) -> None:
    assert git_state(tmp_path) == {}


def test_without_git_there_is_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git_state(tmp_path) == {}


def test_a_run_of_another_tracker_is_kept_as_it_is_given() -> None:
    assert training_run(tracker_run="wandb:ada/loom/1x2y") == {"tracker_run": "wandb:ada/loom/1x2y"}
    assert training_run() == {}


@pytest.mark.parametrize("reference", ["ada/loom/1x2y", "wandb:", "two words:run", "a:b\n", ":x"])
def test_a_reference_of_another_form_is_refused(reference: str) -> None:
    with pytest.raises(UsageError, match="has another form than TRACKER:RUN"):
        training_run(tracker_run=reference)
