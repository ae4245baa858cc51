"""A ``.skops`` file is loaded if it holds nothing but types that cannot run code, or named ones."""

from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from converters.files import load_model
from edge_contract.errors import UsageError
from tests.converters.helpers import customer_model, customers, flowers, quietly_converted

TREE = "sklearn.tree._tree.Tree"


def doubled(rows: np.ndarray) -> np.ndarray:
    return rows * 2


def saved(model: object, folder: Path) -> Path:
    path = folder / "model.skops"
    skops.io.dump(model, path)
    return path


def test_a_pipeline_with_texts_needs_no_trust(tmp_path: Path) -> None:
    rows, labels = customers()
    model = customer_model().fit(rows, labels)

    loaded = load_model(saved(model, tmp_path))

    assert quietly_converted(loaded, rows).model() == quietly_converted(model, rows).model()


def test_functions_of_numpy_need_no_trust(tmp_path: Path) -> None:
    rows, labels = flowers()
    model = make_pipeline(FunctionTransformer(np.log1p), LogisticRegression(max_iter=500)).fit(
        rows, labels
    )

    loaded = load_model(saved(model, tmp_path))

    assert quietly_converted(loaded, rows).model() == quietly_converted(model, rows).model()


def test_trees_are_memory_of_a_compiled_type_and_need_trust(tmp_path: Path) -> None:
    rows, labels = flowers()
    model = RandomForestClassifier(3, random_state=0).fit(rows, labels)
    path = saved(model, tmp_path)

    with pytest.raises(UsageError, match=r"not known to be safe: sklearn\.tree\._tree\.Tree; "):
        load_model(path)
    loaded = load_model(path, trusted_types=(TREE,))

    assert quietly_converted(loaded, rows).model() == quietly_converted(model, rows).model()


def test_a_type_that_was_not_named_is_refused_beside_one_that_was(tmp_path: Path) -> None:
    rows, labels = flowers()
    steps = (
        FunctionTransformer(doubled),
        StandardScaler(),
        RandomForestClassifier(3, random_state=0),
    )
    path = saved(make_pipeline(*steps).fit(rows.to_numpy(), labels), tmp_path)

    with pytest.raises(UsageError, match=r"not known to be safe: [\w.]*test_skops\.doubled"):
        load_model(path, trusted_types=(TREE,))


def test_pickle_is_no_way_around_the_list(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    path.write_bytes(b"\x80\x04cposix\nsystem\n.")

    with pytest.raises(UsageError, match=r"cannot read '.*model\.skops': BadZipFile"):
        load_model(path, trust_pickle=True)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: float) -> None:
    rows, labels = flowers()
    path = saved(LogisticRegression(max_iter=500).fit(rows, labels), tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(UsageError, match=r"cannot read '.*model\.skops': "):
        load_model(path)
