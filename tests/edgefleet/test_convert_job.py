"""A pickle is loaded in a process of its own, which knows no secrets and whose end is noticed."""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from converters.base import ConversionWarning
from edge_contract.errors import PackageError, UsageError
from edgefleet.convert_job import ConvertJob, convert_apart


class Runs:
    """Runs a line of code when it is loaded."""

    def __init__(self, line: str) -> None:
        self.line = line

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return exec, (self.line,)


def job_of(model: object, folder: Path) -> ConvertJob:
    rows = np.random.default_rng(1).normal(size=(60, 2))
    np.savez(folder / "rows.npz", X=rows)
    path = folder / "model.pkl"
    path.write_bytes(pickle.dumps(model))
    return ConvertJob(
        model=path, data=folder / "rows.npz", name="m", version="1.0.0", trust_pickle=True
    )


def fitted() -> LinearRegression:
    rows = np.random.default_rng(1).normal(size=(60, 2))
    return LinearRegression().fit(rows, rows.sum(axis=1))


def test_a_pickle_becomes_a_package_with_progress_and_warnings(tmp_path: Path) -> None:
    heard: list[str] = []
    job = job_of(fitted(), tmp_path)

    with pytest.warns(ConversionWarning, match="the reference has 60 rows"):
        package = convert_apart(job, lambda step, _share: heard.append(step))

    assert job.runs_code
    assert package.manifest.reference == "m@1.0.0"
    assert heard[0] == "Reading the rows"
    assert heard[-1] == "Done"


def test_what_a_pickle_runs_finds_no_secrets_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "hunter2")
    line = "import os; raise ValueError('found ' + os.environ.get('REGISTRY_PASSWORD', 'nothing'))"

    with pytest.raises(UsageError, match="found nothing"):
        convert_apart(job_of(Runs(line), tmp_path), lambda _step, _share: None)


def test_a_pickle_that_ends_its_process_is_told_with_the_exit_code(tmp_path: Path) -> None:
    job = job_of(Runs("import os; os._exit(7)"), tmp_path)

    with pytest.raises(UsageError, match=r"model\.pkl' ended without an answer \(exit code 7\)"):
        convert_apart(job, lambda _step, _share: None)


def test_what_a_pickle_prints_is_no_part_of_the_result(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    job = job_of(Runs("print('hello')"), tmp_path)

    with pytest.raises(UsageError, match="cannot convert"):
        convert_apart(job, lambda _step, _share: None)

    assert capfd.readouterr() == ("", "hello\n")


def test_a_refusal_in_the_other_process_is_one_here(tmp_path: Path) -> None:
    changed = fitted()
    changed.predict = partial(np.sum, axis=1, initial=7)  # which no converter sees
    job = job_of(changed, tmp_path)

    with pytest.raises(PackageError, match="the conversion is not faithful"):
        convert_apart(job, lambda _step, _share: None)
