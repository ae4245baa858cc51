"""Whatever is wrong with a conversion's input: one line that says so, and no package."""

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline

from tests.converters.helpers import flowers, quietly_converted
from tests.edgefleet.conftest import Outcome

Run = Callable[..., Outcome]
Table = Callable[[pd.DataFrame], pd.DataFrame]


class Doubling(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A step that only its author knows."""

    def fit(self, _rows: object, _labels: object = None) -> "Doubling":
        self.fitted_ = True
        return self

    def transform(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows * 2


@pytest.fixture(scope="module")
def graph() -> bytes:
    """A classifier of irises as ONNX: it needs no process of its own, so tests are quick."""
    rows, labels = flowers()
    return quietly_converted(LogisticRegression(max_iter=500).fit(rows, labels), rows).model()


@pytest.fixture
def model(tmp_path: Path, graph: bytes) -> Path:
    path = tmp_path / "flowers.onnx"
    path.write_bytes(graph)
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows, labels = flowers()
    path = tmp_path / "rows.csv"
    rows.assign(kind=labels).to_csv(path, index=False)
    return path


def refused(run: Run, model: Path, data: Path, *more: str) -> Outcome:
    """Convert, and check what holds for every refusal."""
    out = model.parent / "dist"
    done = run(
        *("convert", str(model), "--data", str(data), "--version", "1.0.0"),
        *("--name", "flowers", "--out", str(out), *more),
    )
    assert done.code in {1, 2}
    assert done.out == ""
    assert done.err.startswith("error: ")
    assert done.err.count("\n") == 1, done.err
    assert "Traceback" not in done.err
    assert not out.exists()
    return done


def mixed(table: pd.DataFrame) -> pd.DataFrame:
    changed = table.astype(object)
    changed.iloc[3, 0] = "unknown"
    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="sepal width (cm)"), "is float32[batch, 4], got float64[150, 3]"),
        (lambda t: t.assign(extra=1.0), "is float32[batch, 4], got float64[150, 5]"),
        (mixed, "columns 'sepal length (cm)' of X hold text, and input 'X' takes float32"),
        (lambda t: t.iloc[:0], "X has no rows: give rows like those"),
        (
            lambda t: t.assign(kind=t["kind"].mask(t.index % 10 == 0)),
            "y has no label for 15 of 150 rows, the first is row 0",
        ),
        (
            lambda t: t.assign(kind="rose"),
            "no label in y is a class of the model: y holds ['rose']",
        ),
        (lambda t: t.rename(columns={"kind": "sort"}), "has no column 'kind': it has sepal"),
    ],
)
def test_rows_that_do_not_fit(
    run: Run, model: Path, data: Path, change: Table, message: str
) -> None:
    change(pd.read_csv(data)).to_csv(data, index=False)

    done = refused(run, model, data, "--target", "kind")

    assert message in done.err


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda _: b"", "EmptyDataError: No columns to parse"),
        (lambda b: b.replace(b"setosa", b"s\xe9tosa"), "is not written in UTF-8 (byte 0xe9 at"),
        (lambda b: b + b"1,2,3,4,5,6,7\n", "ParserError: Error tokenizing data"),
        (
            lambda b: b.replace(b"sepal width (cm)", b"sepal length (cm)"),
            "has several columns of the same name: sepal length (cm); rename them",
        ),
        (lambda b: b.replace(b",", b";"), "has no column 'kind'"),
        (lambda b: b"\x89PNG\r\n\x1a\n" + b, "is not written in UTF-8 (byte 0x89 at 0)"),
    ],
)
def test_tables_that_cannot_be_read(
    run: Run, model: Path, data: Path, spoil: Callable[[bytes], bytes], message: str
) -> None:
    data.write_bytes(spoil(data.read_bytes()))

    done = refused(run, model, data, "--target", "kind")

    assert done.code == 2
    assert message in done.err


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.ones((9, 4)), "y": np.array(["setosa"] * 5)}, "y has shape [5], X has 9 rows"),
        ({"X": np.ones((0, 4))}, "X has no rows"),
        ({"X": np.ones(4)}, "is float32[batch, 4], got float64[4]"),
        ({"X": np.ones((9, 4), dtype=np.complex128)}, "has element type complex128"),
        ({"X": np.array([[{}]])}, "Object arrays cannot be loaded"),
        ({"a": np.ones((9, 4)), "b": np.ones((8, 4))}, "different numbers of rows"),
    ],
)
def test_arrays_that_do_not_fit(
    run: Run, model: Path, tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "rows.npz", **arrays)  # type: ignore[arg-type]  # one array per name

    done = refused(run, model, tmp_path / "rows.npz")

    assert message in done.err


def test_arrays_that_are_cut_off(run: Run, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.npz"
    np.savez(path, X=np.ones((500, 4)))
    path.write_bytes(path.read_bytes()[:-4000])

    done = refused(run, model, path)

    assert "cannot read arrays from" in done.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--baseline", "acuracy=0.9"), "baseline 'acuracy' is no metric of a model"),
        (("--baseline", "f1=91"), "baseline 'f1' is 91.0: give a fraction"),
        (("--baseline", "f1=high"), "baseline 'f1=high' is no METRIC=NUMBER"),
        (("--accept-difference", "-1"), "accept_difference must be at least 0"),
        (("--accept-difference", "nan"), "accept_difference must be at least 0, got nan"),
        (("--joint", "-1"), "joint must be from 0 to 1024 pairs"),
        (("--embedding", "nothing"), "embedding 'nothing' is no output of the model"),
        (("--label", "a"), "has 3 probabilities, but there are 1 classes: ['a']"),
        (("--image", "0,9"), "image '0,9' is no HEIGHT,WIDTH"),
        (("--image", "5,5"), "no input holds pictures of 5 x 5 pixels"),
        (("--strata", "hour-of-year"), "strata 'hour-of-year' "),
        (("--time-zone", "Mars/Base", "--strata", "hour-of-day"), "Mars/Base"),
        (("--mlflow-run", "nowhere"), "there is no MLflow run 'nowhere'"),
        (("--tracker-run", "nowhere"), "has another form than TRACKER:RUN"),
        (("--version", "one"), "version 'one' is not a semantic version"),
        (("--name", "../up"), "model name '../up' is not allowed"),
    ],
)
def test_options_that_say_nothing(
    run: Run, model: Path, data: Path, more: tuple[str, ...], message: str
) -> None:
    done = refused(run, model, data, "--target", "kind", *more)

    assert done.code == 2
    assert message in done.err


def truncated(graph: bytes) -> bytes:
    return graph[: len(graph) // 2]


def external(graph: bytes) -> bytes:
    proto = onnx.load_model_from_string(graph)
    weights = numpy_helper.from_array(np.ones(3, dtype=np.float32), "far")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    proto.graph.initializer.append(weights)
    return bytes(proto.SerializeToString())


def huge_tensor(_: bytes) -> bytes:
    """A graph of some bytes that asks for a tensor of 4 TB."""
    shape = numpy_helper.from_array(np.array([1_000_000, 1_000_000], dtype=np.int64), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["huge"]),
        helper.make_node("ReduceSum", ["huge"], ["total"], keepdims=0),
        helper.make_node("Add", ["X", "total"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    inputs = [value("X", TensorProto.FLOAT, ["n", 4])]
    outputs = [value("y", TensorProto.FLOAT, ["n", 4])]
    body = helper.make_graph(nodes, "g", inputs, outputs, [shape])
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("spoil", "code", "message"),
    [
        (lambda _: b"", 1, "flowers.onnx' is not"),
        (truncated, 1, "flowers.onnx' is not"),
        (lambda _: b"PK\x03\x04 a zip file", 1, "is not a readable ONNX model"),
        (lambda _: b"\x93NUMPY\x01\x00", 1, "is not"),
        (external, 1, "keeps weights in other files (far): save it as one"),
    ],
)
def test_onnx_files_that_are_none(
    run: Run,
    model: Path,
    data: Path,
    graph: bytes,
    spoil: Callable[[bytes], bytes],
    code: int,
    message: str,
) -> None:
    model.write_bytes(spoil(graph))

    done = refused(run, model, data, "--target", "kind")

    assert done.code == code
    assert message in done.err


def test_a_small_graph_that_asks_for_huge_memory(run: Run, model: Path, tmp_path: Path) -> None:
    model.write_bytes(huge_tensor(b""))
    np.savez(tmp_path / "rows.npz", X=np.ones((50, 4), dtype=np.float32))

    done = refused(run, model, tmp_path / "rows.npz")

    assert done.code == 1
    assert "'huge' in " in done.err
    assert "has 1e+12 values for a single row" in done.err


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (LinearRegression(), "LinearRegression is not fitted: fit it before converting"),
        (
            make_pipeline(Doubling(), LogisticRegression(max_iter=500)),
            "test_convert_bad_input.Doubling; replace or remove that step",
        ),
        ({"weights": [1, 2]}, "cannot convert builtins.dict: weights by name are no model"),
    ],
)
def test_pickles_of_what_cannot_be_converted(
    run: Run, tmp_path: Path, data: Path, estimator: object, message: str
) -> None:
    model = tmp_path / "model.pkl"
    if isinstance(estimator, BaseEstimator) and not isinstance(estimator, LinearRegression):
        table = pd.read_csv(data)
        estimator.fit(table.drop(columns="kind"), table["kind"])
    model.write_bytes(pickle.dumps(estimator))

    done = refused(run, model, data, "--target", "kind", "--trust-pickle")

    assert done.code == 2
    assert message in done.err


def test_a_folder_in_place_of_a_file(run: Run, model: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    instead_of_model = refused(run, tmp_path / "folder", data)
    instead_of_data = refused(run, model, tmp_path / "folder")

    assert "is a folder without a file MLmodel" in instead_of_model.err
    assert "is a folder: give a file, .npz, .csv or .parquet" in instead_of_data.err


def test_without_rows_only_what_mlflow_saved_can_be_converted(run: Run, model: Path) -> None:
    done = run("convert", str(model), "--version", "1.0.0")

    assert done.code == 2
    assert done.err.startswith("error: the data is missing: give rows")


def test_a_place_that_cannot_be_written(run: Run, model: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    done = run(
        *("convert", str(model), "--data", str(data), "--target", "kind", "--version", "1.0.0"),
        *("--out", str(tmp_path / "file" / "dist")),
    )

    assert done.code == 2
    assert "cannot write" in done.err
    assert "choose another place" in done.err
    assert (tmp_path / "file").read_text() == "mine"
