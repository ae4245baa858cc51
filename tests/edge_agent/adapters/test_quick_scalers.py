"""Columns are scaled otherwise for many rows, and nobody can tell but by the clock."""

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeAlias

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from edge_agent.adapters.many_rows import ManyRows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.quick_scalers import with_quick_scaler
from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_contract.errors import PackageError
from edge_contract.package import Package
from edgefleet import convert

_Tensor: TypeAlias = NDArray[np.generic]

STEPS = [0.1, 3.0, -7.5, 1e-3]
FACTORS = [1.7, 0.3, 1e6, -1.1]


def scaler(
    *,
    offset: Sequence[float] = STEPS,
    scale: Sequence[float] = FACTORS,
    shape: Sequence[str | int] = ("rows", 4),
    element_type: int = TensorProto.FLOAT,
    opset: int = 18,
    before: str = "",
) -> bytes:
    nodes = [
        helper.make_node(
            "Scaler",
            ["between" if before else "x"],
            ["y"],
            domain="ai.onnx.ml",
            offset=offset,
            scale=scale,
        )
    ]
    if before:
        nodes.insert(0, helper.make_node(before, ["x"], ["between"]))
    graph = helper.make_graph(
        nodes,
        "scaled",
        [helper.make_tensor_value_info("x", element_type, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)],
    )
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", 1)]
    model: bytes = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    return model


def odd_rows(count: int) -> NDArray[np.float32]:
    """Every kind of float32: subnormal, infinite, none."""
    words = np.random.default_rng(5).integers(0, 2**32, (count, 4), np.uint32)
    return words.view(np.float32)


def answers(model: bytes, rows: NDArray[np.float32]) -> bytes:
    (found,) = onnxruntime.InferenceSession(model).run(None, {"x": rows})
    alike: NDArray[np.float32] = np.where(np.isnan(found), np.float32(np.nan), found)
    return alike.tobytes()


@cache
def sums() -> Package:
    rows = np.random.default_rng(0).normal(size=(6000, 3)).astype(np.float32)
    truths = rows.sum(axis=1) > 0
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows, truths)
    return convert(model, rows, truths, name="sums", version="1.0.0", robustness=False)


def test_sub_and_mul_say_what_the_scaler_says_bit_for_bit() -> None:
    model = scaler()

    changed = with_quick_scaler(model, what="model of m@1")

    found = onnx.load_from_string(changed)
    onnx.checker.check_model(found, full_check=True)
    assert [node.op_type for node in found.graph.node] == ["Sub", "Mul"]
    rows = odd_rows(20_000)
    assert answers(changed, rows) == answers(model, rows)


@pytest.mark.parametrize(
    "model",
    [
        scaler(element_type=TensorProto.DOUBLE),
        scaler(offset=[1.0], scale=[2.0]),
        scaler(offset=[1.0], scale=[2.0], shape=("rows", 1)),
        scaler(shape=("rows", "columns")),
        scaler(shape=("rows", 4, 1)),
        scaler(opset=6),
        scaler(before="Abs"),
    ],
    ids=["float64", "one for all", "a column", "any columns", "three axes", "old", "in between"],
)
def test_what_might_be_rounded_otherwise_stays_as_it_is(model: bytes) -> None:
    assert with_quick_scaler(model, what="model of m@1") is model


def test_a_file_that_is_cut_off_is_refused() -> None:
    with pytest.raises(PackageError, match=r"model of m@1 is no ONNX file, or it is cut off"):
        with_quick_scaler(scaler()[:-3], what="model of m@1")


def test_a_session_says_the_same_before_and_after_calls_of_many_rows() -> None:
    session = OnnxRuntimeEngine().load(sums())
    rows = np.random.default_rng(1).normal(size=(500, 3)).astype(np.float32)

    few = session.run({"X": rows[:2]})
    golden, many, later = (session.run({"X": rows}) for _ in range(3))
    afterwards = session.run({"X": rows[:2]})

    plain = onnxruntime.InferenceSession(sums().model())
    wanted = plain.run(None, {"X": rows})
    for answers in (golden, many, later):
        assert [found.tolist() for found in answers] == [found.tolist() for found in wanted]
    assert [found.tolist() for found in few] == [found.tolist() for found in afterwards]


def test_calls_do_not_wait_while_the_other_session_is_made() -> None:
    begun, go_on = threading.Event(), threading.Event()
    others: list[int] = []

    def first(_feeds: Mapping[str, _Tensor], _options: object) -> Sequence[_Tensor]:
        return [np.full(1, np.nan)]

    def other(_feeds: Mapping[str, _Tensor], _options: object) -> Sequence[_Tensor]:
        others.append(1)
        return [np.full(1, np.nan)]

    def make() -> object:
        begun.set()
        assert go_on.wait(10.0)
        return other

    run = ManyRows(first, make)  # type: ignore[arg-type]  # runs of arrays, without a library
    options, rows = onnxruntime.RunOptions(), {"X": np.zeros((16, 3))}
    with ThreadPoolExecutor(1) as pool:
        run({"X": np.zeros((15, 3))}, options)
        run(rows, options)  # golden vectors, for which nothing is made
        assert not begun.is_set()
        maker = pool.submit(run, rows, options)
        assert begun.wait(10.0)
        run(rows, options)
        assert others == []
        go_on.set()
        maker.result()

    run(rows, options)
    assert others == [1, 1]


def test_a_session_that_says_something_else_never_answers() -> None:
    def first(_feeds: Mapping[str, _Tensor], _options: object) -> Sequence[_Tensor]:
        return [np.zeros(1), np.array(["a"], object)]

    def other(_feeds: Mapping[str, _Tensor], _options: object) -> Sequence[_Tensor]:
        return [np.zeros(1), np.array(["b"], object)]

    run = ManyRows(first, lambda: other)
    rows, options = {"X": np.zeros((16, 3))}, onnxruntime.RunOptions()

    answers = [run(rows, options)[1].item() for _ in range(4)]

    assert answers == ["a", "a", "a", "a"]


def test_a_session_goes_on_as_it_is_if_there_is_no_other() -> None:
    tries: list[int] = []
    run = ManyRows(lambda _feeds, _options: [np.zeros(1)], lambda: tries.append(1))

    for _ in range(3):
        assert run({"X": np.zeros((16, 3))}, onnxruntime.RunOptions())[0].item() == 0.0

    assert tries == [1]


def test_a_session_goes_on_as_it_is_if_the_other_fails() -> None:
    def failing(_feeds: Mapping[str, _Tensor], _options: object) -> Sequence[_Tensor]:
        raise RuntimeError("out of memory")

    run = ManyRows(lambda _feeds, _options: [np.zeros(1)], lambda: failing)

    for _ in range(3):
        assert run({"X": np.zeros((16, 3))}, onnxruntime.RunOptions())[0].item() == 0.0
