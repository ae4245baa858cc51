"""Models that MLflow saved are converted from their folders, without MLflow."""

import json
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from pathlib import Path

import catboost
import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import FunctionTransformer
from xgboost import XGBClassifier

from converters.base import ConversionWarning
from converters.convert import convert
from converters.files import load_model, load_sample, saved_sample
from converters.mlflow_model import read_mlflow_folder
from edge_contract.errors import EdgeError, PackageError, UsageError
from edge_contract.package import Package
from tests.converters.helpers import customer_model, customers, flowers, quietly_converted
from tests.support.mlflow_folders import RUN, columns, mlflow_folder, saved_as_skops, tensor

NAMES = ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)")
NUMBERS = columns(**dict.fromkeys(NAMES, "double"))


def converted(folder: Path, rows: object = None, *, trust_pickle: bool = False) -> Package:
    table, labels = flowers()
    model = load_model(folder, trust_pickle=trust_pickle)
    return quietly_converted(model, table if rows is None else rows, labels)


@cache
def fitted() -> LogisticRegression:
    return LogisticRegression(max_iter=500).fit(*flowers())


@cache
def codes() -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    return np.unique(flowers()[1].astype("U"), return_inverse=True)[1]


def sklearn_skops(path: Path) -> Path:
    return saved_as_skops(path, fitted(), names=NAMES)


def sklearn_pickle(path: Path) -> Path:
    settings = {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"}
    folder = mlflow_folder(path, "sklearn", inputs=NUMBERS, **settings)
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted()))
    return folder


def lightgbm_booster(path: Path) -> Path:
    model = LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1, n_jobs=1)
    settings = {"data": "model.lgb", "model_class": "lightgbm.basic.Booster"}
    folder = mlflow_folder(path, "lightgbm", inputs=NUMBERS, **settings)
    model.fit(flowers()[0], codes()).booster_.save_model(folder / "model.lgb")
    return folder


def lightgbm_estimator(path: Path) -> Path:
    import skops.io

    model = LGBMClassifier(n_estimators=3, num_leaves=4, verbose=-1, n_jobs=1)
    settings = {"data": "model.skops", "model_class": "lightgbm.sklearn.LGBMClassifier"}
    settings |= {"serialization_format": "skops"}
    folder = mlflow_folder(path, "lightgbm", inputs=NUMBERS, **settings)
    skops.io.dump(model.fit(*flowers()), folder / "model.skops")
    return folder


def xgboost_booster(path: Path) -> Path:
    model = XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(flowers()[0], codes())
    settings = {"data": "model.ubj", "model_class": "xgboost.core.Booster", "model_format": "ubj"}
    folder = mlflow_folder(path, "xgboost", inputs=NUMBERS, **settings)
    model.get_booster().save_model(folder / "model.ubj")
    return folder


def xgboost_estimator(path: Path) -> Path:
    model = XGBClassifier(n_estimators=3, max_depth=2, n_jobs=1).fit(flowers()[0], codes())
    settings = {"data": "model.ubj", "model_class": "xgboost.sklearn.XGBClassifier"}
    folder = mlflow_folder(path, "xgboost", inputs=NUMBERS, **settings)
    model.save_model(folder / "model.ubj")
    return folder


def catboost_estimator(path: Path) -> Path:
    model = catboost.CatBoostClassifier(
        iterations=3, depth=2, verbose=0, thread_count=1, allow_writing_files=False
    )
    settings = {"data": "model.cb", "model_type": "CatBoostClassifier", "save_format": "cbm"}
    folder = mlflow_folder(path, "catboost", inputs=NUMBERS, **settings)
    model.fit(flowers()[0], codes()).save_model(str(folder / "model.cb"))
    return folder


def onnx_file(path: Path) -> Path:
    folder = mlflow_folder(path, "onnx", inputs=tensor(-1, 4), data="model.onnx")
    (folder / "model.onnx").write_bytes(quietly_converted(fitted(), flowers()[0]).model())
    return folder


@pytest.mark.parametrize(
    ("save", "flavor", "classes"),
    [
        (sklearn_skops, "sklearn", ("setosa", "versicolor", "virginica")),
        (sklearn_pickle, "sklearn", ("setosa", "versicolor", "virginica")),
        (lightgbm_booster, "lightgbm", (0, 1, 2)),
        (lightgbm_estimator, "lightgbm", ("setosa", "versicolor", "virginica")),
        (xgboost_booster, "xgboost", (0, 1, 2)),
        (xgboost_estimator, "xgboost", (0, 1, 2)),
        (catboost_estimator, "catboost", (0, 1, 2)),
        (onnx_file, "onnx", ("setosa", "versicolor", "virginica")),
    ],
)
def test_every_flavor_becomes_a_package(
    tmp_path: Path,
    save: Callable[[Path], Path],
    flavor: str,
    classes: tuple[str | int, ...],
) -> None:
    table, names = flowers()
    labels = codes() if classes == (0, 1, 2) else names
    model = load_model(save(tmp_path / "model"), trust_pickle=True)

    package = quietly_converted(model, table, labels)

    assert package.manifest.classes == classes
    assert package.manifest.evidence.quality["accuracy"] == pytest.approx(0.96, abs=0.02)
    assert package.manifest.lineage["mlflow_model"] == {
        "flavor": flavor,
        "model_id": "m-68fb49c6d1e641cbb6839503a68262c3",
        "run_id": RUN,
        "mlflow_version": "3.17.2",
        "utc_time_created": "2026-11-23 10:48:13.901048",
        "inputs": ["input: float32[-1, 4]"]
        if flavor == "onnx"
        else [f"{name}: double" for name in NAMES],
    }


def test_a_folder_is_a_model_for_python_as_well(tmp_path: Path) -> None:
    rows, labels = flowers()

    package = quietly_converted(str(sklearn_skops(tmp_path / "model")), rows, labels)

    assert package.manifest.task.value == "multiclass"


def test_parameters_and_metrics_of_the_run_beside_it_are_in_the_lineage(tmp_path: Path) -> None:
    run = tmp_path / "mlruns" / "36" / RUN
    (run / "params").mkdir(parents=True)
    (run / "params" / "C").write_text("1.0")
    (run / "meta.yaml").write_text(f"run_id: {RUN}\n")
    newer = sklearn_pickle(tmp_path / "mlruns" / "36" / "models" / "m-68fb" / "artifacts")
    older = sklearn_pickle(run / "artifacts" / "model")
    elsewhere = sklearn_pickle(tmp_path / "downloads" / "model")

    found = [
        converted(folder, trust_pickle=True).manifest.lineage
        for folder in (newer, older, elsewhere)
    ]

    assert found[0]["mlflow"] == {"run_id": RUN, "params": {"C": "1.0"}}
    assert found[1]["mlflow"] == found[0]["mlflow"]
    assert "mlflow" not in found[2]


def test_a_run_in_the_database_beside_it_is_in_the_lineage(tmp_path: Path) -> None:
    folder = sklearn_pickle(tmp_path / "mlruns" / "1" / "models" / "m-68fb" / "artifacts")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.executescript(
            f"""
            CREATE TABLE runs (run_uuid TEXT, experiment_id INTEGER);
            CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
            CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
            CREATE TABLE latest_metrics (key TEXT, value FLOAT, is_nan BOOLEAN, run_uuid TEXT);
            INSERT INTO runs VALUES ('{RUN}', 1);
            INSERT INTO latest_metrics VALUES ('f1', 0.97, 0, '{RUN}');
            """
        )

    lineage = converted(folder, trust_pickle=True).manifest.lineage

    assert lineage["mlflow"] == {"run_id": RUN, "experiment_id": "1", "metrics": {"f1": 0.97}}


def test_a_database_that_cannot_be_read_is_told_and_left_out(tmp_path: Path) -> None:
    folder = sklearn_pickle(tmp_path / "model")
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 100)
    rows, labels = flowers()

    with pytest.warns(ConversionWarning) as heard:
        package = convert(
            load_model(folder, trust_pickle=True), rows, labels, name="m", version="1.0.0"
        )

    assert "mlflow" not in package.manifest.lineage
    assert any(
        str(it.message).startswith(
            "the run that saved the model is left out of the lineage: cannot"
        )
        for it in heard
    )


def test_columns_of_an_array_are_called_as_the_signature_says(tmp_path: Path) -> None:
    rows = flowers()[0].to_numpy()
    folder = saved_as_skops(
        tmp_path / "model",
        LogisticRegression(max_iter=500).fit(rows, flowers()[1]),
        names=("a", "b", "c", "d"),
    )

    package = converted(folder, rows)

    assert [feature.name for feature in package.manifest.features] == ["a", "b", "c", "d"]


def test_the_example_that_was_saved_stands_in_for_rows(tmp_path: Path) -> None:
    table = flowers()[0].iloc[::10]
    example = {"columns": list(NAMES), "data": table.to_numpy().tolist()}
    folder = saved_as_skops(tmp_path / "model", fitted(), names=NAMES, example=example)
    model = load_model(folder)

    sample = saved_sample(model)

    assert isinstance(sample.rows, pd.DataFrame)
    assert sample.labels is None
    assert sample.rows.to_numpy().tolist() == table.to_numpy().tolist()
    assert quietly_converted(model, sample.rows).reference().rows == 15


@pytest.mark.parametrize(
    ("example", "shape"),
    [
        ([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], (3, 2)),
        ({"inputs": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]}, (3, 2)),
    ],
)
def test_an_example_may_be_an_array(
    tmp_path: Path, example: object, shape: tuple[int, ...]
) -> None:
    folder = saved_as_skops(tmp_path / "model", fitted(), example=example)

    rows = saved_sample(load_model(folder)).rows

    assert isinstance(rows, np.ndarray)
    assert rows.shape == shape


def test_an_example_may_be_an_array_for_each_input(tmp_path: Path) -> None:
    example = {"a": [1.0, 2.0], "b": [3.0, 4.0]}
    folder = saved_as_skops(tmp_path / "model", fitted(), example=example)

    rows = saved_sample(load_model(folder)).rows

    assert isinstance(rows, dict)
    assert {name: values.tolist() for name, values in rows.items()} == example


def test_rows_are_asked_for_where_none_were_saved(tmp_path: Path) -> None:
    without = load_model(sklearn_skops(tmp_path / "model"))
    strange = load_model(saved_as_skops(tmp_path / "strange", fitted(), example="three roses"))

    with pytest.raises(UsageError, match="holds no example of its rows: give rows"):
        saved_sample(without)
    with pytest.raises(UsageError, match="holds no table and no arrays: give rows of your own"):
        saved_sample(strange)
    with pytest.raises(UsageError, match="the data is missing: give rows"):
        saved_sample(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda t: t.drop(columns="sepal width (cm)"),
            r"missing \['sepal width \(cm\)'\], not known to it none",
        ),
        (lambda t: t.assign(kind=1.0), r"missing none, not known to it \['kind'\]"),
        (
            lambda t: t.assign(**{"petal width (cm)": "wide"}),
            r"column 'petal width \(cm\)' holds text, the model's signature says double",
        ),
        (lambda t: t.to_numpy()[:, :3], "signature has 4 columns, X has 3"),
        (lambda t: {"a": t.to_numpy()[:, 0]}, r"missing \['sepal length .* known to it \['a'\]"),
    ],
)
def test_rows_against_the_signature_are_refused(
    tmp_path: Path, change: Callable[[pd.DataFrame], object], words: str
) -> None:
    folder = sklearn_pickle(tmp_path / "model")

    with pytest.raises(UsageError, match=words):
        converted(folder, change(flowers()[0]), trust_pickle=True)


def test_numbers_where_the_signature_says_text_are_refused(tmp_path: Path) -> None:
    """A reader of CSV has made 150 of the code 0150."""
    rows, labels = customers()
    rows = rows.drop(columns=["member", "plan"])
    folder = mlflow_folder(
        tmp_path / "model",
        "sklearn",
        inputs=columns(**{"age": "long", "income (EUR)": "double", "city": "string"}),
        pickled_model="model.pkl",
        serialization_format="pickle",
    )
    (folder / "model.pkl").write_bytes(pickle.dumps(fitted()))

    with pytest.raises(UsageError, match=r"column 'city' holds numbers, .* signature says string"):
        quietly_converted(load_model(folder, trust_pickle=True), rows.assign(city=150), labels)


def test_a_tensor_of_another_shape_is_refused(tmp_path: Path) -> None:
    folder = onnx_file(tmp_path / "model")

    with pytest.raises(UsageError, match=r"X has shape \[150, 3\], .* signature says \[-1, 4\]"):
        converted(folder, flowers()[0].to_numpy()[:, :3])


def test_optional_columns_may_be_missing_from_a_signature(tmp_path: Path) -> None:
    folder = sklearn_skops(tmp_path / "model")
    mlmodel = folder / "MLmodel"
    inputs = [*json.loads(NUMBERS), {"type": "string", "name": "note", "required": False}]
    mlmodel.write_text(mlmodel.read_text().replace(NUMBERS, json.dumps(inputs)))

    assert converted(folder).manifest.task.value == "multiclass"


def test_what_the_folder_asks_to_trust_does_not_count(tmp_path: Path) -> None:
    model = customer_model(FunctionTransformer(np.copy)).fit(*customers())
    folder = saved_as_skops(tmp_path / "model", model)
    mlmodel = folder / "MLmodel"
    asked = "skops_trusted_types:\n    - numpy.copy\n"
    mlmodel.write_text(mlmodel.read_text().replace("skops_trusted_types: null\n", asked))

    with pytest.raises(UsageError, match=r"holds types that are not known to be safe: .*numpy"):
        load_model(folder)


def spoilt(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "MLmodel").write_text(text)


def outside(folder: Path) -> None:
    mlmodel = folder / "MLmodel"
    (folder.parent / "model.skops").write_bytes((folder / "model.skops").read_bytes())
    mlmodel.write_text(mlmodel.read_text().replace("model.skops", "../model.skops"))


def linked_outside(folder: Path) -> None:
    (folder / "model.skops").rename(folder.parent / "elsewhere.skops")
    (folder / "model.skops").symlink_to(folder.parent / "elsewhere.skops")


DEEP = "flavors: " + "[" * 5000
BOMB = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [{', '.join(f'*{old}' for _ in range(9))}]}}\n"
    for old, new in zip("abcdefghijk", "bcdefghijkl", strict=True)
)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "MLmodel").unlink(), "is a folder without a file MLmodel: give"),
        (
            lambda folder: (folder / "model.skops").unlink(),
            "lacks 'model.skops', which its MLmodel",
        ),
        (
            lambda folder: (folder / "model.skops").write_bytes(b"no zip"),
            "cannot read .*BadZipFile",
        ),
        (outside, r"names '\.\./model\.skops', no file of its own"),
        (linked_outside, "names 'model.skops', no file of its own"),
        (spoilt(""), "MLmodel of .* is '', expected|MLmodel of .* is None, expected an object"),
        (spoilt("flavors: [1]"), "flavors is .*, expected an object"),
        (spoilt("flavors: {"), "is no readable YAML: while parsing a flow"),
        (spoilt(DEEP), "is no readable YAML: "),
        (spoilt(BOMB), "MLmodel of .*flavors is missing"),
        (spoilt("flavors: !!python/object/apply:os.system ['true']"), "flavors is .*, expected an"),
        (spoilt("x" * 1_000_001), "is larger than 1,000,000 bytes"),
        (spoilt("flavors: {spark: {data: x}}"), "has the flavors spark, of which none can be"),
        (spoilt("flavors: {onnx: {data: .}}"), "names '.', no file of its own"),
        (spoilt("flavors: {onnx: {}}\nsignature: {inputs: '[1'}"), "is no readable JSON"),
        (spoilt("flavors: {onnx: {}}\nsignature: {inputs: '[1]'}"), r"\[0\] is 1, expected an obj"),
        (
            spoilt("flavors: {catboost: {data: model.skops, model_type: Pool}}"),
            "says that its model is a 'Pool', expected one of CatBoost",
        ),
        (
            spoilt("flavors: {xgboost: {data: model.skops, model_class: os.system}}"),
            "says that its model is a 'system', expected one of XGBClassifier",
        ),
    ],
)
def test_a_damaged_or_strange_folder_is_refused(
    tmp_path: Path, spoil: Callable[[Path], object], words: str
) -> None:
    folder = sklearn_skops(tmp_path / "model")
    spoil(folder)

    with pytest.raises(EdgeError, match=words):
        load_model(folder)


def test_a_folder_with_a_signature_of_objects_is_read(tmp_path: Path) -> None:
    folder = mlflow_folder(
        tmp_path / "model",
        "onnx",
        inputs='[{"type": "array", "items": {"type": "string"}, "name": "words"}]',
        data="model.onnx",
    )

    inputs = read_mlflow_folder(folder).inputs

    assert [(item.name, item.type, item.is_required) for item in inputs] == [
        ("words", "array", True)
    ]


def test_labels_of_a_table_are_no_column_of_the_signature(tmp_path: Path) -> None:
    table, labels = flowers()
    table.assign(kind=labels).to_csv(tmp_path / "rows.csv", index=False)
    folder = sklearn_skops(tmp_path / "model")

    sample = load_sample(tmp_path / "rows.csv", target="kind")
    package = quietly_converted(load_model(folder), sample.rows, sample.labels)

    assert package.manifest.evidence.quality["accuracy"] == pytest.approx(0.973, abs=0.001)


def test_a_model_that_is_not_fitted_is_refused(tmp_path: Path) -> None:
    folder = saved_as_skops(tmp_path / "model", LinearRegression(), names=NAMES)

    with pytest.raises(UsageError, match="LinearRegression is not fitted"):
        converted(folder)


def test_a_damaged_example_is_refused(tmp_path: Path) -> None:
    folder = saved_as_skops(tmp_path / "model", fitted(), example=[[1.0]])
    (folder / "input_example.json").write_text("[[NaN]]")

    with pytest.raises(PackageError, match=r"input_example\.json' is no readable JSON: NaN"):
        saved_sample(load_model(folder))
