"""ONNX files with other layouts than a row per element of the first axis are mended, or refused."""

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import NodeProto, TensorProto, helper, numpy_helper
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType
from sklearn.linear_model import LogisticRegression

from edge_contract.errors import PackageError, UsageError
from edge_contract.package import OutputRole
from tests.converters.helpers import flowers, quietly_converted, says

Axes = Sequence[int | str]
RNG = np.random.default_rng(0)
THREE = RNG.normal(size=(20, 3)).astype(np.float32)
STATES = RNG.normal(size=(20, 2, 3)).astype(np.float32)


def model_of(
    nodes: Sequence[NodeProto],
    inputs: dict[str, tuple[int, Axes]],
    outputs: dict[str, Axes],
    weights: Sequence[TensorProto] = (),
) -> onnx.ModelProto:
    graph = helper.make_graph(
        list(nodes),
        "g",
        [helper.make_tensor_value_info(name, *spec) for name, spec in inputs.items()],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, axes)
            for name, axes in outputs.items()
        ],
        list(weights),
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def numbers(name: str, values: Sequence[int]) -> TensorProto:
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


@pytest.mark.parametrize("labels", [np.array(["a", "b", "c"]), np.array([3, 5, 9])])
def test_a_zipmap_becomes_the_probabilities_that_it_lists(labels: np.ndarray) -> None:
    rows, names = flowers()
    targets = labels[np.unique(names, return_inverse=True)[1]]
    model = LogisticRegression(max_iter=500).fit(rows.to_numpy(), targets)
    with_zipmap = convert_sklearn(model, initial_types=[("X", FloatTensorType([None, 4]))])

    package = quietly_converted(with_zipmap, rows, targets)

    assert package.manifest.classes == tuple(labels.tolist())
    assert [output.role for output in package.manifest.outputs] == [
        OutputRole.LABEL,
        OutputRole.PROBABILITIES,
    ]
    said = says(package, {"X": rows.to_numpy(dtype=np.float32)})["output_probability"]
    assert np.allclose(said, model.predict_proba(rows.to_numpy()), atol=1e-5)
    assert package.manifest.evidence.parity["outputs"] != {}


def times_gain() -> onnx.ModelProto:
    inputs: dict[str, tuple[int, Axes]] = {
        "x": (TensorProto.FLOAT, ("n", 3)),
        "gain": (TensorProto.FLOAT, ()),
    }
    return model_of([helper.make_node("Mul", ["x", "gain"], ["y"])], inputs, {"y": ("n", 3)})


def test_an_input_without_axes_is_a_setting_that_becomes_part_of_the_model() -> None:
    package = quietly_converted(times_gain(), {"x": THREE, "gain": 2})

    assert [spec.name for spec in package.manifest.inputs] == ["x"]
    assert np.array_equal(says(package, {"x": THREE})["y"], THREE * 2)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (THREE, "takes one value of gain for all rows: give a dict of arrays"),
        ({"x": THREE}, "takes one value of gain for all rows: give a dict of arrays"),
        ({"x": THREE, "gain": np.arange(20)}, r"got 20 different ones, such as \[0, 1, 2\]"),
    ],
)
def test_a_setting_needs_one_value(rows: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        quietly_converted(times_gain(), rows)


def test_a_batch_that_is_not_the_first_axis_is_turned_to_be_it() -> None:
    branches = {
        name: helper.make_graph(
            [helper.make_node(kind, ["state", "one"], [f"{name}_state"])],
            name,
            [],
            [helper.make_tensor_value_info(f"{name}_state", TensorProto.FLOAT, None)],
        )
        for name, kind in (("then_branch", "Add"), ("else_branch", "Sub"))
    }
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Less", ["total", "total"], ["never"]),
        helper.make_node("If", ["never"], ["after"], **branches),
        helper.make_node("ReduceSum", ["x", "last"], ["y"]),
    ]
    one = numpy_helper.from_array(np.array(1, dtype=np.float32), "one")
    inputs: dict[str, tuple[int, Axes]] = {
        "x": (TensorProto.FLOAT, ("n", 3)),
        "state": (TensorProto.FLOAT, (2, "n", 3)),
    }
    outputs: dict[str, Axes] = {"y": ("n", 1), "after": (2, "n", 3)}
    model = model_of(nodes, inputs, outputs, [numbers("last", [1]), one])

    package = quietly_converted(model, {"x": THREE, "state": STATES})

    assert str(package.manifest.inputs[1]) == "float32[batch, 2, 3]"
    assert str(package.manifest.outputs[1].tensor) == "float32[batch, 2, 3]"
    said = says(package, {"x": THREE, "state": STATES})
    assert np.allclose(said["after"], STATES - 1)
    assert np.allclose(said["y"], THREE.sum(axis=1, keepdims=True), atol=1e-6)


def one_row_model(shape: Sequence[int]) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Reshape", ["x", "shape"], ["h"]),
        helper.make_node("ReduceSum", ["h", "last"], ["y"]),
    ]
    weights = [numbers("shape", shape), numbers("last", [1])]
    return model_of(nodes, {"x": (TensorProto.FLOAT, (1, 3))}, {"y": (1, 1)}, weights)


def test_a_model_of_one_row_takes_any_number_of_rows() -> None:
    package = quietly_converted(one_row_model([-1, 3]), THREE)

    assert str(package.manifest.inputs[0]) == "float32[batch, 3]"
    said = says(package, {"x": THREE})["y"]
    assert np.allclose(said, THREE.sum(axis=1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("shape", [[1, 3], [1, -1]])
def test_a_model_that_is_bound_to_one_row_is_refused_with_what_to_do(shape: list[int]) -> None:
    with pytest.raises(UsageError, match=r"takes one row at a time, .* a dynamic first axis"):
        quietly_converted(one_row_model(shape), THREE)


def test_a_model_of_another_fixed_number_of_rows_is_refused() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["y"])]
    model = model_of(nodes, {"x": (TensorProto.FLOAT, (8, 3))}, {"y": (8, 3)})

    with pytest.raises(UsageError, match=r"is float32\[8, 3\]: its first axis must be a batch of"):
        quietly_converted(model, THREE)


def test_outputs_that_are_not_for_each_row_are_refused() -> None:
    nodes = [
        helper.make_node("Transpose", ["state"], ["s"], perm=[1, 0, 2]),
        helper.make_node("ReduceSum", ["s"], ["y"], keepdims=0),
    ]
    model = model_of(nodes, {"state": (TensorProto.FLOAT, (2, "n", 3))}, {"y": ()})

    with pytest.raises(UsageError, match=r"output 'y' of .* has shape \[\] for 3 rows: one axis"):
        quietly_converted(model, STATES)


def test_a_newer_operator_set_than_is_known_is_refused() -> None:
    model = times_gain()
    model.opset_import[0].version = 4000

    with pytest.raises(PackageError, match=r"the ONNX model is not a valid|cannot load the ONNX"):
        quietly_converted(model, {"x": THREE, "gain": 2})


def test_other_outputs_than_tensors_are_refused() -> None:
    nodes = [helper.make_node("SequenceConstruct", ["x"], ["y"])]
    model = model_of(nodes, {"x": (TensorProto.FLOAT, ("n", 3))}, {"y": ("n", 3)})
    model.graph.output[0].CopyFrom(
        helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, ["n", 3])
    )

    with pytest.raises(UsageError, match=r"'y' of the ONNX model is seq\(tensor\(float\)\), expec"):
        quietly_converted(model, THREE)


def test_logits_become_probabilities_of_the_classes_that_the_author_names() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["logits"])]
    model = model_of(nodes, {"x": (TensorProto.FLOAT, ("n", 3))}, {"logits": ("n", 3)})

    package = quietly_converted(model, THREE, classes=("a", "b", "c"))

    said = says(package, {"x": np.array([[0, 0, np.log(2)]], dtype=np.float32)})
    assert np.allclose(said["probabilities"], [[0.25, 0.25, 0.5]])


@pytest.mark.parametrize("gain", [2, 2.0, np.float32(2), np.array(2), [2.0] * 20])
def test_a_setting_may_be_given_once_or_for_every_row(gain: object) -> None:
    package = quietly_converted(times_gain(), {"x": THREE, "gain": gain})

    assert np.array_equal(says(package, {"x": THREE})["y"], THREE * 2)
