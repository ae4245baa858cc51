"""A run that MLflow keeps in files becomes part of the lineage, without MLflow."""

import sqlite3
from contextlib import closing
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
    assert read_mlflow_run("runs:/5f3a9c") == read_mlflow_run(str(run))


@pytest.mark.parametrize(
    "name", ["0000", "*", "../mlruns", "http://127.0.0.1:5000/#/runs/5f3a9c", "x.db:5f3a9c"]
)
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


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database with the tables that are read, as MLflow 3.17 makes them."""
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as made:
        made.executescript(
            """
            CREATE TABLE runs (run_uuid VARCHAR(32), experiment_id INTEGER);
            CREATE TABLE params (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
            CREATE TABLE tags (key VARCHAR(250), value VARCHAR(8000), run_uuid VARCHAR(32));
            CREATE TABLE latest_metrics (
                key VARCHAR(250), value FLOAT, is_nan BOOLEAN, run_uuid VARCHAR(32)
            );
            INSERT INTO runs VALUES ('b26d99', 1), ('ffff00', 2);
            INSERT INTO params VALUES ('C', '0.5', 'b26d99'), ('C', '9', 'ffff00');
            INSERT INTO tags VALUES ('site', 'Oslo', 'b26d99'), ('mlflow.user', 'ada', 'b26d99');
            INSERT INTO tags VALUES ('mlflow.runName', 'calm-loom-7', 'b26d99');
            INSERT INTO latest_metrics VALUES ('f1', 0.9, 0, 'b26d99'), ('bad', 0.0, 1, 'b26d99');
            INSERT INTO latest_metrics VALUES ('inf', -1.7976931348623157e308, 0, 'b26d99');
            """
        )
    return path


def test_a_run_in_a_database_is_read_alike(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = {
        "run_id": "b26d99",
        "experiment_id": "1",
        "params": {"C": "0.5"},
        "metrics": {"bad": "nan", "f1": 0.9, "inf": "-inf"},
        "tags": {"mlflow.runName": "calm-loom-7", "site": "Oslo"},
    }
    before = database.read_bytes()

    elsewhere = read_mlflow_run(f"{database}:b26d99")
    monkeypatch.chdir(tmp_path)
    here = read_mlflow_run("b26d99")

    assert elsewhere == expected
    assert here == expected
    assert database.read_bytes() == before


@pytest.mark.parametrize("run", ["0000", "b26d9'"])
def test_a_run_that_is_not_in_the_database_is_refused(database: Path, run: str) -> None:
    with pytest.raises(UsageError, match=r"there is no MLflow run .* on this machine: give"):
        read_mlflow_run(f"{database}:{run}")


@pytest.mark.parametrize("content", [b"no database at all" * 100, b""])
def test_another_file_than_a_database_of_mlflow_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mlflow.db").write_bytes(content)

    with pytest.raises(
        UsageError, match=r"cannot read an MLflow run from .*; name the run's folder"
    ):
        read_mlflow_run(f"{tmp_path}/mlflow.db:b26d99")


def test_metrics_of_a_data_set_have_its_name_behind_the_step(run: Path) -> None:
    (run / "metrics" / "loss").write_text("1700000002000 0.25 2 held_out 8f3a\n")

    metrics = read_mlflow_run(str(run))["metrics"]

    assert metrics == {"loss": 0.25, "gain": "nan"}
