"""``edgefleet convert`` and ``edgefleet inspect``, in this process."""

import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.svm import LinearSVC

from converters.package_files import load_package, save_unpacked
from edge_contract.package import canonical_json
from tests.converters.helpers import customer_model, customers, flowers, quietly_converted
from tests.edgefleet.conftest import Outcome
from tests.support.mlflow_folders import saved_as_skops

Run = Callable[..., Outcome]


@pytest.fixture
def flower_files(tmp_path: Path) -> tuple[str, str]:
    """A model as a pickle, and a table with the column of labels."""
    rows, labels = flowers()
    order = np.random.default_rng(0).permutation(150)
    rows, labels = rows.iloc[order], labels[order]
    model, data = tmp_path / "flowers.pkl", tmp_path / "flowers.csv"
    model.write_bytes(pickle.dumps(LogisticRegression(max_iter=500).fit(rows, labels)))
    rows.assign(kind=labels).to_csv(data, index=False)
    return str(model), str(data)


@pytest.fixture
def flower_graph(tmp_path: Path) -> tuple[str, str]:
    """A model as ONNX, which needs no process of its own, and rows with labels."""
    rows, labels = flowers()
    package = quietly_converted(LogisticRegression(max_iter=500).fit(rows, labels), rows, labels)
    model, data = tmp_path / "flowers.onnx", tmp_path / "rows.npz"
    model.write_bytes(package.model())
    np.savez(data, X=rows.to_numpy(), y=labels.astype("U"))
    return str(model), str(data)


def test_a_trusted_pickle_and_a_table_become_a_package(
    run: Run, tmp_path: Path, flower_files: tuple[str, str]
) -> None:
    model, data = flower_files
    out = tmp_path / "dist"

    done = run(
        *("convert", model, "--trust-pickle", "--data", data, "--target", "kind"),
        *("--version", "1.0.0", "--out", str(out), "--licence", "Apache-2.0"),
        *("--baseline", "f1=0.91", "--baseline-source", "two botanists"),
    )

    assert done.code == 0
    assert "Parity with the source model" in done.out
    assert "accuracy" in done.out
    assert f"next: edgefleet inspect {out}/flowers-1.0.0.modelpkg" in done.out
    assert done.err.splitlines() == [
        "warning: the reference has 150 rows, below 5000: only larger changes of the inputs will "
        "raise alarms; give more rows if there are any"
    ]
    package = load_package(out / "flowers-1.0.0.modelpkg")
    assert package.manifest.reference == "flowers@1.0.0"
    assert package.manifest.licence == "Apache-2.0"
    assert package.manifest.classes == ("setosa", "versicolor", "virginica")
    assert package.manifest.evidence.baseline == {"f1": 0.91, "source": "two botanists"}


def test_an_onnx_file_and_arrays_become_a_package_for_a_script(run: Run, tmp_path: Path) -> None:
    rows, labels = flowers()
    first = quietly_converted(LogisticRegression(max_iter=500).fit(rows, labels), rows, labels)
    model, data = tmp_path / "flowers.onnx", tmp_path / "rows.npz"
    model.write_bytes(first.model())
    np.savez(data, X=rows.to_numpy(), y=labels.astype("U"))

    done = run(
        *("convert", str(model), "--data", str(data), "--name", "iris", "--version", "2.1.0"),
        *("--out", str(tmp_path / "iris.modelpkg"), "--json"),
    )

    assert done.code == 0
    answer = json.loads(done.out)
    assert answer["name"] == "iris"
    assert answer["version"] == "2.1.0"
    assert answer["path"] == str(tmp_path / "iris.modelpkg")
    assert answer["digest"] == load_package(tmp_path / "iris.modelpkg").digest
    assert answer["quality"]["accuracy"] == pytest.approx(0.973, abs=0.001)
    assert answer["parity"]["rows"] == 150
    assert [text.split(":")[0] for text in answer["warnings"]] == [
        "the reference has 150 rows, below 5000",
        "the rows are sorted by their labels, so how much neighbouring rows depend on each other "
        "is unknown and taken as not at all",
    ]


def test_a_pickle_that_is_not_trusted_is_not_loaded(
    run: Run, flower_files: tuple[str, str]
) -> None:
    model, data = flower_files

    refused = run("convert", model, "--data", data, "--version", "1.0.0")

    assert refused.code == 2
    assert refused.err.startswith(f"error: {model!r} is a pickle, and loading a pickle runs")
    assert refused.err.count("\n") == 1


def test_a_conversion_that_is_not_faithful_ends_with_1_and_writes_nothing(
    run: Run, tmp_path: Path
) -> None:
    """Predictions that were changed in Python are not in what is converted."""
    rows = np.arange(300.0)[:, None]
    tide = LinearRegression().fit(rows, rows[:, 0])
    tide.predict = partial(np.sum, axis=1, initial=7)
    model, data, out = tmp_path / "m.pkl", tmp_path / "rows.npz", tmp_path / "dist"
    model.write_bytes(pickle.dumps(tide))
    np.savez(data, X=rows)
    words = ("convert", str(model), "--trust-pickle", "--data", str(data), "--version", "1.0.0")

    refused = run(*words, "--out", str(out))
    written = out.exists()
    accepted = run(*words, "--out", str(out), "--accept-difference", "10", "--json")

    assert refused.code == 1
    assert refused.err.startswith(
        "error: the conversion is not faithful: output 'variable' differs"
    )
    assert not written
    assert accepted.code == 0
    assert json.loads(accepted.out)["parity"]["accept_difference"] == 10.0
    assert [path.name for path in out.iterdir()] == ["m-1.0.0.modelpkg"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--version", "1"), "version '1' is not a semantic version"),
        (("--version", "1.0.0", "--name", "a b"), "model name 'a b' is not allowed"),
        (("--version", "1.0.0", "--target", "colour"), "has no column 'colour'"),
        (("--version", "1.0.0", "--baseline", "f1"), "baseline 'f1' is no METRIC=NUMBER"),
        (("--version", "1.0.0"), "not known to it ['kind']"),
    ],
)
def test_mistakes_of_the_caller_end_with_2(
    run: Run, flower_files: tuple[str, str], more: tuple[str, ...], message: str
) -> None:
    model, data = flower_files

    refused = run("convert", model, "--trust-pickle", "--data", data, *more)

    assert refused.code == 2
    assert message in refused.err
    assert refused.out == ""


def test_the_card_of_a_package_is_shown(run: Run, tmp_path: Path) -> None:
    rows, labels = customers()
    package = quietly_converted(customer_model().fit(rows, labels), rows, labels)
    folder = save_unpacked(package, tmp_path / "customers")

    shown = run("inspect", str(folder))

    assert shown.code == 0
    for words in (package.digest, "income (EUR)", "14.3%", "18 to 79, mean", "Rome", "binary"):
        assert words in shown.out
    assert "float32[batch, 1]" in shown.out
    assert "model.onnx" in shown.out


def test_the_card_is_written_as_markdown(run: Run, tmp_path: Path) -> None:
    rows, labels = flowers()
    model = LinearSVC().fit(rows, labels)
    package = quietly_converted(model, rows, labels, description="Tells irises | apart.")
    folder = save_unpacked(package, tmp_path / "flowers")

    shown = run("inspect", str(folder), "--markdown")

    head = "# m@1.0.0\n\nTells irises \\| apart.\n\n## Model\n\n|  | value |\n"
    assert shown.out.startswith(head)
    assert "| description | Tells irises \\| apart. |" in shown.out
    assert "\n## Quality by class\n\n| class | precision | recall | f1 | rows |\n" in shown.out
    assert "| calibration | none: no labels or no probabilities |" in shown.out


def test_a_script_gets_manifest_and_reference(run: Run, tmp_path: Path) -> None:
    rows, labels = customers()
    package = quietly_converted(customer_model().fit(rows, labels), rows, labels)
    folder = save_unpacked(package, tmp_path / "customers")

    shown = run("inspect", str(folder), "--json")

    answer = json.loads(shown.out)
    assert answer["digest"] == package.digest
    assert answer["manifest"] == json.loads(package.manifest_bytes)
    assert answer["reference"]["rows"] == 300
    features = {feature["name"]: feature for feature in answer["reference"]["features"]}
    assert features["income (EUR)"]["missing"] == pytest.approx(43 / 300)
    assert features["city"]["categories"] == 3
    assert features["age"]["high"] == 79.0


def test_a_package_that_cannot_be_read_is_refused(run: Run, tmp_path: Path) -> None:
    rows, labels = flowers()
    package = quietly_converted(LinearSVC().fit(rows, labels), rows, labels)
    folder = save_unpacked(package, tmp_path / "flowers")
    newer = {**json.loads(package.manifest_bytes), "schema": 2}
    (folder / "manifest.json").write_bytes(canonical_json(newer))

    newer_schema = run("inspect", str(folder))
    nothing = run("inspect", str(tmp_path / "nothing"))

    assert newer_schema.code == 1
    assert "manifest has schema 2" in newer_schema.err
    assert nothing.code == 2
    assert "cannot read a package from" in nothing.err


def test_a_table_with_times_becomes_a_package_with_strata(
    run: Run, tmp_path: Path, flower_files: tuple[str, str]
) -> None:
    model, data = flower_files
    table = pd.read_csv(data)
    table.insert(0, "ts", [f"2026-06-{1 + row // 24:02d}T{row % 24:02d}:30" for row in range(150)])
    table.to_csv(data, index=False)

    done = run(
        *("convert", model, "--trust-pickle", "--data", data, "--target", "kind"),
        *("--version", "1.0.0", "--out", str(tmp_path), "--joint", "2"),
        *("--strata", "hour-of-day", "--time-column", "ts", "--time-zone", "Europe/Oslo"),
    )

    assert done.code == 0, done.err
    assert "24 of 24 strata have fewer than 5000 rows (fewest: 6 in '06')" in done.err
    package = load_package(tmp_path / "flowers-1.0.0.modelpkg")
    strata = package.reference().strata
    assert strata is not None
    assert strata.spec.time_zone == "Europe/Oslo"
    assert [part.rows for part in strata.parts.values()] == [7] * 6 + [6] * 18
    assert "ts" not in [feature.name for feature in package.manifest.features]
    shown = run("inspect", str(tmp_path / "flowers-1.0.0.modelpkg")).out
    assert "hour-of-day in Europe/Oslo, at least 6 rows each" in shown


def test_strata_without_times_are_refused(run: Run, flower_files: tuple[str, str]) -> None:
    model, data = flower_files

    done = run(
        *("convert", model, "--trust-pickle", "--data", data, "--target", "kind"),
        *("--version", "1.0.0", "--strata", "hour-of-day"),
    )

    assert done.code == 2
    assert "strata by hour-of-day need the time of every row" in done.err


def test_a_time_column_that_is_not_there_is_refused(
    run: Run, flower_files: tuple[str, str]
) -> None:
    model, data = flower_files

    done = run(
        *("convert", model, "--trust-pickle", "--data", data, "--target", "kind"),
        *("--version", "1.0.0", "--strata", "hour-of-day", "--time-column", "when"),
    )

    assert done.code == 2
    assert "has no column 'when': it has sepal length (cm)" in done.err


def test_robustness_baseline_and_runs_stand_in_the_card(
    run: Run, tmp_path: Path, flower_files: tuple[str, str]
) -> None:
    model, data = flower_files
    recorded = tmp_path / "mlruns" / "0" / "5f3a"
    (recorded / "params").mkdir(parents=True)
    (recorded / "params" / "C").write_text("0.5")
    (recorded / "meta.yaml").write_text("run_id: 5f3a\n")

    done = run(
        *("convert", model, "--trust-pickle", "--data", data, "--target", "kind"),
        *("--version", "1.0.0", "--out", str(tmp_path), "--image", "2,2"),
        *("--baseline", "accuracy=0.5", "--baseline-source", "two botanists"),
        *("--mlflow-run", str(recorded), "--tracker-run", "wandb:ada/flowers/1x2y"),
    )
    card = run("inspect", str(tmp_path / "flowers-1.0.0.modelpkg"), "--markdown").out

    assert done.code == 0, done.err
    assert "Robustness (150 rows)" in done.out
    assert "## Quality (baseline: two botanists)" in card
    assert "| accuracy | 0.9733 | 0.5 | +0.4733 |" in card
    assert "\n## Robustness (150 rows)\n\n| inputs | accuracy | worse by | f1 | worse by |" in card
    changes = ("noise, 5% of standard deviation", "numbers times 0.9", "pictures 20% brighter")
    for name in ("unchanged", *changes, "pictures blurred, 3 x 3 pixels"):
        assert f"\n| {name} | " in card
    assert "| mlflow.params.C | 0.5 |" in card
    assert "| tracker_run | wandb:ada/flowers/1x2y |" in card


def test_robustness_can_be_left_out(
    run: Run, tmp_path: Path, flower_graph: tuple[str, str]
) -> None:
    model, data = flower_graph

    done = run(
        *("convert", model, "--data", data, "--version", "1.0.0"),
        *("--out", str(tmp_path), "--no-robustness", "--json"),
    )

    assert done.code == 0, done.err
    assert json.loads(done.out)["robustness"] == {}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--image", "8x8"), "image '8x8' is no HEIGHT,WIDTH in pixels, such as 28,28"),
        (("--image", "8,8", "--no-robustness"), "which was turned off"),
        (("--mlflow-run", "5f3a"), "there is no MLflow run '5f3a' on this machine"),
        (("--tracker-run", "5f3a"), "has another form than TRACKER:RUN"),
        (("--baseline", "f1=nan"), "baseline 'f1' is nan: give a finite number"),
        (("--baseline-source", "two botanists"), "the baseline of 'two botanists' has no metric"),
    ],
)
def test_mistakes_about_evidence_end_with_2(
    run: Run, flower_graph: tuple[str, str], more: tuple[str, ...], message: str
) -> None:
    model, data = flower_graph

    refused = run(
        *("convert", model, "--data", data, "--version", "1.0.0"),
        *more,
    )

    assert refused.code == 2
    assert message in refused.err


def test_a_folder_of_mlflow_needs_no_other_file(run: Run, tmp_path: Path) -> None:
    rows, labels = flowers()
    some = rows.iloc[::10]
    folder = saved_as_skops(
        tmp_path / "artifacts",
        LogisticRegression(max_iter=500).fit(rows, labels),
        names=[str(name) for name in rows.columns],
        example={"columns": list(rows.columns), "data": some.to_numpy().tolist()},
    )

    done = run(
        *("convert", str(folder), "--name", "iris", "--version", "1.0.0"),
        *("--out", str(tmp_path / "dist"), "--json"),
    )
    card = run("inspect", str(tmp_path / "dist" / "iris-1.0.0.modelpkg")).out

    assert done.code == 0, done.err
    assert json.loads(done.out)["parity"]["rows"] == 15
    assert "mlflow_model.flavor" in card
    assert "sepal length (cm): double" in card
