"""Models and rows from files."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.linear_model import LogisticRegression
from xgboost import XGBClassifier

from converters.files import load_model, load_sample
from edge_contract.errors import UsageError
from tests.converters.helpers import flowers


def test_a_pickle_is_loaded_only_if_it_is_trusted(tmp_path: Path) -> None:
    path = tmp_path / "flowers.pkl"
    path.write_bytes(pickle.dumps(LogisticRegression(C=0.5)))

    with pytest.raises(UsageError, match="loading a pickle runs whatever code is in it: pass"):
        load_model(path)

    assert isinstance(load_model(path, trust_pickle=True), LogisticRegression)


def test_an_onnx_model_stays_a_path(tmp_path: Path) -> None:
    path = tmp_path / "gate.onnx"
    path.write_bytes(b"")

    assert load_model(path) == path


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("model.pkl", b"\x80\x04broken", "cannot read '.*model.pkl': "),
        ("model.txt", b"", "is of an unknown kind; known are .onnx, .skops, .joblib, .pkl, .pick"),
        ("model.h5", b"", "may run code when it is loaded: load it in Keras and save it as .keras"),
        ("a.safetensors", b"", "holds weights without the network: load the weights into the netw"),
    ],
)
def test_models_that_cannot_be_loaded(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UsageError, match=words):
        load_model(tmp_path / name, trust_pickle=True)


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no model file"):
        load_model(tmp_path / "model.onnx")


def test_one_array_and_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "held_out.npz"
    np.savez(path, X=np.ones((2, 3)), y=np.array([0, 1]))

    rows, labels, _ = load_sample(path)

    assert isinstance(rows, np.ndarray)
    assert rows.shape == (2, 3)
    assert np.asarray(labels).tolist() == [0, 1]


def test_an_array_for_each_input(tmp_path: Path) -> None:
    path = tmp_path / "sample.npz"
    np.savez(path, a=np.ones(2), b=np.zeros(2), truth=np.array(["x", "y"]))

    rows, labels, _ = load_sample(path, target="truth")

    assert isinstance(rows, dict)
    assert sorted(rows) == ["a", "b"]
    assert np.asarray(labels).tolist() == ["x", "y"]


def test_a_table_and_its_column_of_labels(tmp_path: Path) -> None:
    path = tmp_path / "flowers.csv"
    rows, labels = flowers()
    rows.assign(kind=labels).to_csv(path, index=False)

    found, truths, _ = load_sample(path, target="kind")

    assert isinstance(found, pd.DataFrame)
    assert found.to_numpy().tolist() == rows.to_numpy().tolist()
    assert np.asarray(truths).tolist() == labels.tolist()
    assert load_sample(path).labels is None


@pytest.mark.parametrize(
    ("name", "content", "target", "words"),
    [
        ("a.npz", b"no zip", None, "cannot read arrays from"),
        ("a.csv", b"", None, "cannot read '.*a.csv': EmptyDataError"),
        ("a.csv", b"x,y\n1,2\n", "z", "has no column 'z': it has x, y"),
        ("a.xlsx", b"", None, "is of an unknown kind: expected .npz, .csv, .parquet"),
    ],
)
def test_rows_that_cannot_be_loaded(
    tmp_path: Path, name: str, content: bytes, target: str | None, words: str
) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UsageError, match=words):
        load_sample(tmp_path / name, target=target)


def test_arrays_of_python_objects_are_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([["a"], [1]], dtype=object))

    with pytest.raises(UsageError, match=r"save them with numpy\.savez, texts as"):
        load_sample(path)


def test_labels_that_are_not_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, X=np.ones((2, 3)))

    with pytest.raises(UsageError, match="has no array 'truth': it has X"):
        load_sample(path, target="truth")
    with pytest.raises(UsageError, match="there is no data file"):
        load_sample(tmp_path / "b.npz")


def test_boosters_are_read_from_their_own_files(tmp_path: Path) -> None:
    rows, labels = flowers()
    codes = np.unique(labels.astype("U"), return_inverse=True)[1]
    light = LGBMClassifier(n_estimators=2, num_leaves=3, verbose=-1, n_jobs=1).fit(rows, codes)
    extreme = XGBClassifier(n_estimators=2, max_depth=2, n_jobs=1).fit(rows, codes)
    light.booster_.save_model(tmp_path / "m.lgb")
    extreme.get_booster().save_model(tmp_path / "m.ubj")

    boosters = [load_model(tmp_path / name) for name in ("m.lgb", "m.ubj")]

    assert [type(it).__module__ for it in boosters] == ["lightgbm.basic", "xgboost.core"]
