"""A run that MLflow keeps in files becomes part of the lineage, without MLflow."""

from pathlib import Path

import pytest

from converters.mlflow_run import read_mlflow_run
from edge_contract.errors import UsageError


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run as MLflow 2 and 3 write it into files."""
    folder = tmp_path / "mlruns" / "421" / "5f3a9c"
    files = {
        "meta.yaml": "artifact_uri: file:///a\nexperiment_id: '421'\nrun_id: 5f3a9c\nstatus: 3\n",
        "params/max_depth": "7",
        "params/optimizer/name": "adam\n",
        "metrics/loss": "1700000002000 0.25 2\n1700000001000 0.5 1\n",
        "metrics/gain": "1700000001000 nan 0\n",
        "tags/mlflow.runName": "calm-loom-7",
        "tags/mlflow.user": "ada",
        "tags/site": "Oslo",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_parameters_last_metrics_and_tags_are_read(run: Path) -> None:
    assert read_mlflow_run(str(run)) == {
        "run_id": "5f3a9c",
        "experiment_id": "421",
        "params": {"max_depth": "7", "optimizer/name": "adam"},
        "metrics": {"loss": 0.25, "gain": "nan"},
        "tags": {"mlflow.runName": "calm-loom-7", "site": "Oslo"},
    }


def test_an_id_is_looked_for_in_the_working_directory(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert read_mlflow_run("5f3a9c") == read_mlflow_run(str(run))


@pytest.mark.parametrize("name", ["0000", "*", "../mlruns", "http://127.0.0.1:5000/#/runs/5f3a9c"])
def test_a_run_that_is_not_in_files_is_refused(
    run: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(run.parents[2])

    with pytest.raises(UsageError, match="can be named with the tracker run mlflow:RUN_ID"):
        read_mlflow_run(name)


@pytest.mark.parametrize("text", ["", "0.5\n", "1700000001000 high 1\n"])
def test_a_damaged_metric_is_refused(run: Path, text: str) -> None:
    (run / "metrics" / "loss").write_text(text)

    with pytest.raises(UsageError, match="loss' is no metric of MLflow"):
        read_mlflow_run(str(run))


def test_bytes_that_are_no_text_are_refused(run: Path) -> None:
    (run / "params" / "max_depth").write_bytes(b"\xff\xfe")

    with pytest.raises(UsageError, match="cannot read the MLflow run in"):
        read_mlflow_run(str(run))


def test_a_file_that_is_too_large_for_a_run_is_refused(run: Path) -> None:
    (run / "params" / "max_depth").write_bytes(b"7" * 1_000_001)

    with pytest.raises(UsageError, match="larger than 1,000,000 bytes"):
        read_mlflow_run(str(run))


def test_links_to_other_files_of_the_machine_are_left_out(run: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not for a package")
    (run / "params" / "stolen").symlink_to(secret)
    (run / "params" / "folder").symlink_to(tmp_path)

    assert read_mlflow_run(str(run))["params"] == {"max_depth": "7", "optimizer/name": "adam"}
