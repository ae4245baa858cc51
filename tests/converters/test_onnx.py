"""Ready ONNX models are taken as they are, if they can be read, checked and understood."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.linear_model import LogisticRegression

from converters.convert import convert
from edge_contract.errors import EdgeError, PackageError, UsageError
from edge_contract.package import Task
from tests.converters.helpers import customers, encoded_and_scaled, flowers, quietly_converted, says

Shape = Sequence[int | str]


def graph(
    nodes: Sequence[onnx.NodeProto],
    inputs: dict[str, Shape],
    outputs: dict[str, tuple[int, Shape]],
    weights: Sequence[onnx.TensorProto] = (),
) -> onnx.ModelProto:
    return helper.make_model(
        helper.make_graph(
            list(nodes),
            "g",
            [helper.make_tensor_value_info(k, TensorProto.FLOAT, s) for k, s in inputs.items()],
            [helper.make_tensor_value_info(k, *spec) for k, spec in outputs.items()],
            list(weights),
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )


def softmax_model() -> onnx.ModelProto:
    """Three probabilities and no label."""
    weights = numpy_helper.from_array(np.eye(3, dtype=np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Softmax", ["h"], ["p"], axis=1),
    ]
    return graph(nodes, {"x": ["n", 3]}, {"p": (TensorProto.FLOAT, ["n", 3])}, [weights])


def sum_model(first: Shape = ("n", 1)) -> onnx.ModelProto:
    """The sum of two inputs: one number for each row."""
    nodes = [helper.make_node("Add", ["a", "b"], ["total"])]
    inputs = {"a": first, "b": first}
    return graph(nodes, inputs, {"total": (TensorProto.FLOAT, first)})


THREE_ROWS = np.array([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]] * 4, dtype=np.float32)


def test_a_converted_model_comes_back_from_its_onnx_file(tmp_path: Path) -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    first = quietly_converted(model, rows, labels)
    path = tmp_path / "flowers.onnx"
    path.write_bytes(first.model())

    second = quietly_converted(path, rows, labels)

    assert second.model() == first.model()
    assert second.manifest.inputs == first.manifest.inputs
    assert second.manifest.outputs == first.manifest.outputs
    assert second.manifest.classes == ("setosa", "versicolor", "virginica")
    assert second.manifest.features == first.manifest.features
    assert second.reference().profile.to_state() == first.reference().profile.to_state()
    assert second.golden() == first.golden()


def test_columns_of_a_table_feed_the_inputs_of_their_names() -> None:
    rows, labels = customers()
    rows = rows.rename(columns={"income (EUR)": "income"}).astype({"plan": str})
    model = encoded_and_scaled(texts=["city", "plan"], numbers=["age"]).fit(rows, labels)
    first = quietly_converted(model, rows, labels)

    second = quietly_converted(first.model(), rows, labels)

    assert second.manifest.evidence.quality == first.manifest.evidence.quality
    assert [feature.name for feature in second.manifest.features] == list(rows.columns)
    assert second.manifest.features[2].categories == ("Rome", "Oslo", "Bern")


def test_probabilities_alone_make_a_classifier_of_numbered_classes() -> None:
    package = quietly_converted(softmax_model(), THREE_ROWS, [0, 1, 2] * 4)

    assert package.manifest.task is Task.MULTICLASS
    assert package.manifest.classes == (0, 1, 2)
    assert package.manifest.evidence.quality["accuracy"] == 1.0
    assert [feature.name for feature in package.manifest.features] == ["x[0]", "x[1]", "x[2]"]


def test_the_caller_may_name_the_classes() -> None:
    package = quietly_converted(softmax_model(), THREE_ROWS, classes=("red", "green", "blue"))

    assert package.manifest.classes == ("red", "green", "blue")


def test_other_probabilities_than_classes_are_refused() -> None:
    with pytest.raises(UsageError, match="'p' has 3 probabilities, but there are 2 classes"):
        quietly_converted(softmax_model(), THREE_ROWS, classes=("red", "green"))


def test_other_classes_than_the_labels_that_are_predicted_are_refused() -> None:
    rows, labels = flowers()
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    package = quietly_converted(model, rows)

    with pytest.raises(UsageError, match=r"predicts \['setosa', .* give the labels that the model"):
        quietly_converted(package.model(), rows, classes=("a", "b", "c"))


def sigmoid_model() -> onnx.ModelProto:
    """One number from 0 to 1 for each row."""
    weights = numpy_helper.from_array(np.array([[1], [-1], [0]], dtype=np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Sigmoid", ["h"], ["p"]),
    ]
    return graph(nodes, {"x": ["n", 3]}, {"p": (TensorProto.FLOAT, ["n", 1])}, [weights])


@pytest.mark.parametrize("kind", [int, bool, float])
def test_a_sigmoid_with_labels_of_zero_and_one_is_a_classifier(kind: type) -> None:
    labels: np.ndarray = np.array([1, 0, 0] * 4).astype(kind)

    package = quietly_converted(sigmoid_model(), THREE_ROWS, labels)

    assert (package.manifest.task, package.manifest.classes) == (Task.BINARY, (0, 1))
    assert package.manifest.evidence.quality["accuracy"] == 1.0
    said = says(package, {"x": THREE_ROWS[:3]})
    assert said["probabilities"].argmax(axis=1).tolist() == [1, 0, 0]


def test_a_sigmoid_with_other_labels_predicts_a_number() -> None:
    package = quietly_converted(sigmoid_model(), THREE_ROWS, [0.9, 0.1, 0.5] * 4)

    assert package.manifest.task is Task.REGRESSION


def test_arrays_in_a_list_are_asked_for_by_name() -> None:
    with pytest.raises(
        UsageError, match=r"X is a list of 2 arrays of 5 rows: give the inputs .* by"
    ):
        quietly_converted(sum_model(), [np.ones((5, 1)), np.ones((5, 2))])


def test_one_number_for_each_row_is_a_value() -> None:
    columns = {"a": np.arange(30.0), "b": np.ones(30)}

    package = quietly_converted(sum_model(), columns, np.arange(30.0) + 1)

    assert package.manifest.task is Task.REGRESSION
    assert package.manifest.evidence.quality == {"mae": 0.0, "rmse": 0.0, "r2": 1.0}
    assert [feature.name for feature in package.manifest.features] == ["a", "b"]
    feeds = {"a": np.array([[1]], dtype=np.float32), "b": np.array([[2]], dtype=np.float32)}
    assert says(package, feeds)["total"].tolist() == [[3.0]]


def test_large_inputs_are_watched_by_their_predictions_alone() -> None:
    nodes = [helper.make_node("GlobalAveragePool", ["image"], ["m"])]
    nodes.append(helper.make_node("Flatten", ["m"], ["p0"]))
    nodes.append(helper.make_node("Softmax", ["p0"], ["p"], axis=1))
    model = graph(nodes, {"image": ["n", 3, 32, 32]}, {"p": (TensorProto.FLOAT, ["n", 3])})
    images = np.random.default_rng(0).random((12, 3, 32, 32), dtype=np.float32)

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        package = convert(model, images, name="m", version="1.0.0")

    assert str(heard[0].message).startswith("the model takes 3072 values a row, more than 1024")
    assert package.manifest.features == ()
    reference = package.reference()
    assert [(column.subject, column.spec.kind) for column in reference.profile.spec.columns] == [
        ("prediction", "probabilities"),
        ("prediction", "class_probabilities"),
        ("latency_us", "sketch"),
    ]
    assert reference.profile[0].count == 12
    assert package.golden().inputs["image"].shape == (12, 3, 32, 32)


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_a_truncated_file_is_refused(kept: float) -> None:
    whole = softmax_model().SerializeToString()

    with pytest.raises(PackageError, match="the ONNX model is not"):
        quietly_converted(whole[: int(len(whole) * kept)], THREE_ROWS)


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"PK\x03\x04 this is a zip file")

    with pytest.raises(PackageError, match=r"model\.onnx' is not a readable ONNX model"):
        quietly_converted(path, THREE_ROWS)


def test_weights_in_another_file_are_refused() -> None:
    model = softmax_model()
    weights = model.graph.initializer[0]
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    entry = weights.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"

    with pytest.raises(PackageError, match=r"keeps weights in other files \(w\): save it as one"):
        quietly_converted(model, THREE_ROWS)


def test_weights_in_another_file_are_found_inside_branches() -> None:
    hidden = TensorProto(name="hidden", data_type=TensorProto.FLOAT, dims=[3])
    hidden.data_location = TensorProto.EXTERNAL
    branch = helper.make_graph([], "branch", [], [], [hidden])
    model = softmax_model()
    model.graph.node[0].attribute.append(helper.make_attribute("then_branch", branch))

    with pytest.raises(PackageError, match=r"keeps weights in other files \(hidden\)"):
        quietly_converted(model, THREE_ROWS)


def test_a_graph_against_the_rules_is_refused() -> None:
    model = softmax_model()
    model.graph.node[0].input[0] = "nowhere"

    with pytest.raises(PackageError, match="is not a valid ONNX model: "):
        quietly_converted(model, THREE_ROWS)


def test_an_operator_that_onnxruntime_does_not_have_is_refused() -> None:
    model = softmax_model()
    model.graph.node[1].domain = "com.example"
    model.opset_import.append(helper.make_opsetid("com.example", 1))

    with pytest.raises(PackageError, match="onnxruntime cannot load the ONNX model"):
        quietly_converted(model, THREE_ROWS)


def test_an_output_that_is_no_row_each_is_refused() -> None:
    nodes = [helper.make_node("Transpose", ["x"], ["y"])]
    model = graph(nodes, {"x": ["n", 3]}, {"y": (TensorProto.FLOAT, [3, "n"])})

    with pytest.raises(PackageError, match=r"'y' of .* has shape \[3, 12\] for 12 rows"):
        quietly_converted(model, THREE_ROWS)


def test_a_model_whose_answer_depends_on_the_batch_is_refused() -> None:
    nodes = [
        helper.make_node("ReduceMean", ["x", "rows"], ["m"]),
        helper.make_node("Sub", ["x", "m"], ["y"]),
    ]
    axis = numpy_helper.from_array(np.array([0], dtype=np.int64), "rows")
    model = graph(nodes, {"x": ["n", 3]}, {"y": (TensorProto.FLOAT, ["n", 3])}, [axis])

    with pytest.raises(PackageError, match="row 0 of X, 1 at a time"):
        quietly_converted(model, THREE_ROWS)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ({"a": [1.0]}, r"missing \['b'\], unknown none"),
        ({"a": [1.0], "b": [1.0], "c": [1.0]}, r"missing none, unknown \['c'\]"),
        ({"a": [1.0], "b": [1.0, 2.0]}, "different numbers of rows"),
        ({"a": ["x"], "b": ["y"]}, r"input 'a' of the ONNX model is float32\[batch, 1\], got"),
        (np.zeros((4, 2)), r"has 2 inputs \(a, b\): give a dict of arrays"),
        (pd.DataFrame({"a": [1.0]}), r"missing \['b'\]"),
    ],
)
def test_rows_that_do_not_fit_the_inputs_are_refused(rows: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        quietly_converted(sum_model(), rows)


def test_classes_that_cannot_be_told_are_asked_for() -> None:
    """Labels are texts that no node lists, and only two of three classes occur."""
    names = numpy_helper.from_array(np.array(["a", "b", "c"], dtype=object), "names")
    model = softmax_model()
    model.graph.initializer.append(names)
    model.graph.node.append(helper.make_node("ArgMax", ["p"], ["i"], axis=1, keepdims=0))
    model.graph.node.append(helper.make_node("Gather", ["names", "i"], ["label"]))
    model.graph.output.append(helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]))

    with pytest.raises(EdgeError, match=r"give classes=\(\.\.\.\)"):
        quietly_converted(model, THREE_ROWS[:2])

    assert quietly_converted(model, THREE_ROWS).manifest.classes == ("a", "b", "c")
