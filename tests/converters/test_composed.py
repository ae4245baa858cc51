"""What is done to rows before a model and to its answers after it travels in its graph."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression

from converters.base import ConversionWarning
from converters.runtime import OnnxModel
from edge_contract.errors import EdgeError, PackageError, UsageError
from edge_contract.package import OutputRole, Package
from edgefleet.converting import convert
from tests.support.composed import calibrating, fitted, graph_of, halving, raw_rows

ROWS = raw_rows()
MODEL, TRUTHS = fitted(ROWS)


def converted(model: object = MODEL, rows: object = ROWS, **how: object) -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)  # so few rows are enough for a test
        options = {"robustness": False, "joint": 0, **how}
        return convert(model, rows, TRUTHS, name="gate", version="1.0.0", **options)  # type: ignore[arg-type]


def answers(package: Package, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """What the graph of a package says."""
    model = OnnxModel(package.files["model.onnx"], what="the package")
    return model.run({model.inputs[0].name: rows})  # type: ignore[return-value]


def test_a_graph_before_a_model_of_scikit_learn_becomes_part_of_it() -> None:
    package = converted(pre=halving())

    said = answers(package, ROWS[:50])
    features = (ROWS[:50, ::2] + ROWS[:50, 1::2]) / 2
    np.testing.assert_allclose(said["probabilities"], MODEL.predict_proba(features), atol=1e-5)
    assert said["label"].tolist() == MODEL.predict(features).tolist()
    manifest = package.manifest
    assert [str(spec) for spec in manifest.inputs] == ["float32[batch, 8]"]
    assert [spec.name for spec in manifest.inputs] == ["signal"]
    assert len(manifest.features) == 8
    assert manifest.classes == ("down", "up")
    parity = manifest.evidence.parity
    assert parity["rows"] == 500
    assert "scikit-learn" in manifest.framework


def test_a_graph_after_a_model_answers_in_its_place() -> None:
    package = converted(pre=halving(), post=calibrating())

    said = answers(package, ROWS[:50])
    features = (ROWS[:50, ::2] + ROWS[:50, 1::2]) / 2
    expected = MODEL.predict_proba(features) / 2 + 0.25
    np.testing.assert_allclose(said["calibrated"], expected, atol=1e-5)
    assert "probabilities" not in said
    assert said["label"].tolist() == MODEL.predict(features).tolist()
    found = package.manifest.output(OutputRole.PROBABILITIES)
    assert found is not None
    assert found.name == "calibrated"
    assert package.manifest.classes == ("down", "up")


def test_both_ends_may_be_files_around_a_file(tmp_path: Path) -> None:
    (tmp_path / "pre.onnx").write_bytes(halving())
    (tmp_path / "post.onnx").write_bytes(calibrating("features_out"))
    core = graph_of(
        [
            helper.make_node("MatMul", ["features", "w"], ["x"]),
            helper.make_node("Softmax", ["x"], ["y"]),
        ],
        [("features", TensorProto.FLOAT, ["n", 4])],
        [("y", TensorProto.FLOAT, ["n", 2])],
        {"w": np.eye(4, 2, dtype=np.float32)},
    )
    (tmp_path / "model.onnx").write_bytes(core)

    package = converted(
        tmp_path / "model.onnx",
        pre=tmp_path / "pre.onnx",
        post=tmp_path / "post.onnx",
        classes=["down", "up"],
    )

    said = answers(package, ROWS[:3])["calibrated"]
    scores = ((ROWS[:3, ::2] + ROWS[:3, 1::2]) / 2)[:, :2]
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(said, chances / 2 + 0.25, atol=1e-5)


def test_a_model_fitted_on_named_columns_gets_them_by_name() -> None:
    features = (ROWS[:, ::2] + ROWS[:, 1::2]) / 2
    named = LogisticRegression().fit(pd.DataFrame(features, columns=["a", "b", "c", "d"]), TRUTHS)

    package = converted(named, pre=halving())

    chances = named.predict_proba(pd.DataFrame(features[:9], columns=["a", "b", "c", "d"]))
    np.testing.assert_allclose(answers(package, ROWS[:9])["probabilities"], chances, atol=1e-5)


def test_an_older_graph_is_brought_to_the_operators_of_the_model() -> None:
    said = answers(converted(pre=halving(opset=11)), ROWS[:9])

    features = (ROWS[:9, ::2] + ROWS[:9, 1::2]) / 2
    assert said["label"].tolist() == MODEL.predict(features).tolist()


def narrow() -> bytes:
    return graph_of(
        [helper.make_node("MatMul", ["signal", "w"], ["features"])],
        [("signal", TensorProto.FLOAT, ["batch", 8])],
        [("features", TensorProto.FLOAT, ["batch", 3])],
        {"w": np.ones((8, 3), np.float32)},
    )


@pytest.mark.parametrize(
    ("how", "kind", "said"),
    [
        ({"pre": narrow()}, UsageError, "3 features|expecting 4|fitted on"),
        (
            {"post": calibrating("chances")},
            UsageError,
            "input 'chances' of the postprocessing model",
        ),
        ({"pre": b"no model"}, PackageError, "is not a readable ONNX model"),
        ({"pre": Path("/nowhere/pre.onnx")}, UsageError, "cannot read|there is no|No such file"),
        ({"post": Path("/nowhere/post.onnx")}, UsageError, "cannot read '/nowhere/post.onnx'"),
    ],
)
def test_graphs_that_do_not_fit_are_refused(
    how: dict[str, object], kind: type[EdgeError], said: str
) -> None:
    rows = ROWS if "pre" in how else ROWS[:, :4]
    with pytest.raises(kind, match=said):
        converted(rows=rows, **how)
