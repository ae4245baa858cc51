"""What a variant is judged by, on small graphs whose losses can be worked out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from converters.base import Tensors
from converters.quality import Truth
from converters.runtime import OnnxModel
from converters.variants.gate import Judge, Verdict
from edge_contract.package import Manifest, OutputRole, OutputSpec, Task, TensorSpec

ROWS = np.linspace(-1.0, 1.0, 400, dtype=np.float32).reshape(400, 1)


def graph(*nodes: NodeProto, **constants: float) -> OnnxModel:
    """A model of ``x``, float32[batch, 1], that gives ``y``, float32[batch, 1]."""
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 1]) for name in ("x", "y")
    ]
    values = [
        numpy_helper.from_array(np.array([[value]], np.float32), name)
        for name, value in constants.items()
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", ends[:1], ends[1:], values),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    return OnnxModel(model.SerializeToString(), what="the model")


def plus(offset: float) -> OnnxModel:
    return graph(helper.make_node("Add", ["x", "offset"], ["y"]), offset=offset)


def filling_gaps_with(value: float) -> OnnxModel:
    gap = helper.make_node("IsNaN", ["x"], ["gap"])
    return graph(gap, helper.make_node("Where", ["gap", "value", "x"], ["y"]), value=value)


def verdict(
    variant: OnnxModel,
    *,
    exact: OnnxModel | None = None,
    task: Task = Task.REGRESSION,
    truth: NDArray[np.float32] | None = None,
    takes_missing: bool = False,
    max_loss: float = 0.1,
) -> Verdict:
    exact = exact or plus(0.0)
    role = OutputRole.VALUE if task is Task.REGRESSION else OutputRole.OTHER
    spec = TensorSpec("y", "float32", ("batch", 1))
    manifest = Manifest(
        name="m",
        version="1.0.0",
        created="2026-01-01T00:00:00Z",
        task=task,
        inputs=(TensorSpec("x", "float32", ("batch", 1)),),
        outputs=(OutputSpec(spec, role),),
        features=(),
    )
    feeds: Tensors = {"x": ROWS}
    known = Truth() if truth is None else Truth(values=truth.astype(np.float64))
    judge = Judge(
        manifest=manifest,
        exact=exact,
        feeds=feeds,
        outputs=exact.run(feeds),
        truth=known,
        takes_missing=takes_missing,
        max_loss=max_loss,
    )
    return judge.verdict(variant)


def test_an_error_twice_as_large_is_a_loss_of_one() -> None:
    found = verdict(plus(0.2), truth=ROWS[:, 0] - np.float32(0.2))
    assert found.metrics["mae"] == pytest.approx(
        {"exact": 0.2, "variant": 0.4, "loss": 1.0}, rel=1e-4
    )
    assert "is 0.4 in place of 0.2: a loss of 1, more than the 0.1 allowed" in found.why_not


def test_a_variant_that_errs_less_loses_nothing() -> None:
    found = verdict(plus(-0.1), truth=ROWS[:, 0] - np.float32(0.2), max_loss=0.0)
    assert found.metrics["rmse"]["loss"] == pytest.approx(-0.5, rel=1e-4)
    assert found.why_not == ""


@pytest.mark.parametrize("task", [Task.REGRESSION, Task.OTHER])
def test_without_labels_the_difference_counts_in_spreads_of_the_answers(task: Task) -> None:
    found = verdict(plus(0.0289), task=task)  # uniform from -1 to 1: the spread is 0.5788
    ((_, metric),) = found.metrics.items()
    assert metric["loss"] == pytest.approx(0.0289 / 0.5788, rel=1e-2)
    assert found.why_not == ""


def test_the_shift_of_predictions_is_the_largest_gap_between_their_distributions() -> None:
    found = verdict(plus(0.2), max_loss=1.0)
    assert found.shift == pytest.approx(0.1, abs=0.005)  # a tenth of the rows passes any point
    assert found.other_answers is None


def test_answers_that_are_no_numbers_are_told_by_their_count() -> None:
    root = graph(helper.make_node("Sqrt", ["x"], ["y"]))
    found = verdict(root, max_loss=1.0)
    assert found.why_not == "200 rows that the exact model answers get no finite answer"


def test_rows_that_look_at_their_neighbours_are_refused() -> None:
    largest = helper.make_node("ReduceMax", ["x"], ["largest"], keepdims=1)
    small = helper.make_node("Mul", ["largest", "little"], ["share"])
    total = helper.make_node("Add", ["x", "share"], ["y"])
    found = verdict(graph(largest, small, total, little=1e-4))
    assert found.why_not.startswith("with a row of 1e+06 in the same call, difference is ")


def test_rows_with_gaps_get_no_answer_where_the_exact_model_has_none() -> None:
    assert verdict(plus(0.0)).why_not == ""
    assert verdict(filling_gaps_with(9.0)).why_not.endswith(
        " rows with missing numbers get an answer that the exact model has not"
    )


def test_rows_with_gaps_that_the_exact_model_fills_are_answered_alike() -> None:
    exact = filling_gaps_with(0.0)
    assert verdict(filling_gaps_with(0.01), exact=exact, takes_missing=True).why_not == ""
    assert verdict(filling_gaps_with(9.0), exact=exact, takes_missing=True).why_not.startswith(
        "where a fifth of the numbers are missing, difference is "
    )
