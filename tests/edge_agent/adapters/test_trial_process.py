"""A package is tried in a process of its own."""

import threading
from collections.abc import Sequence
from itertools import pairwise

import pytest
from onnx import NodeProto, TensorProto, helper

from edge_agent.adapters.trial_process import TrialProcess
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.onnx_file import require_safe_model
from edge_contract.package import ArtifactRole, Package
from tests.support.packages import altered, digits

pytestmark = pytest.mark.skipif(
    "sys.platform != 'linux'", reason="other systems do not hold a process to its limits"
)


def _patient_loop() -> bytes:
    """Adds up until a number comes that never does: what nobody sees by looking at the file."""
    body = helper.make_graph(
        [
            helper.make_node("Add", ["before", "before"], ["after"]),
            helper.make_node("ReduceMax", ["after"], ["most"], keepdims=0),
            helper.make_node("Sub", ["most", "most"], ["none"]),
            helper.make_node("Cast", ["none"], ["stop"], to=TensorProto.BOOL),
            helper.make_node("Not", ["stop"], ["go_on"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("trip", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("before", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("after", TensorProto.FLOAT, None),
        ],
    )
    return _model(
        [
            helper.make_node("Mul", ["X", "zero"], ["nothing"]),
            helper.make_node("Loop", ["", "", "nothing"], ["probabilities"], body=body),
        ]
    )


def _doubling() -> bytes:
    """Puts its input beside itself 24 times: 10 rows of 64 numbers become 43 GB."""
    names = ["X", *(f"twice{level}" for level in range(24)), "probabilities"]
    return _model(
        [
            helper.make_node("Concat", [before, before], [after], axis=1)
            for before, after in pairwise(names)
        ]
    )


def _model(nodes: Sequence[NodeProto]) -> bytes:
    """A model with the inputs and outputs of the digits."""
    graph = helper.make_graph(
        [*nodes, helper.make_node("ArgMax", ["probabilities"], ["label"], axis=1, keepdims=0)],
        "graph",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["batch", 64])],
        [
            helper.make_tensor_value_info("label", TensorProto.INT64, ["batch"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, None),
        ],
        initializer=[helper.make_tensor("zero", TensorProto.FLOAT, [], [0.0])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _with_model(model: bytes) -> Package:
    return altered(digits().package, ArtifactRole.MODEL, lambda _: model)


def test_a_good_package_passes() -> None:
    TrialProcess().require_harmless(digits().package)


def test_a_loop_that_waits_for_ever_ends_its_own_process() -> None:
    require_safe_model(_patient_loop(), what="the model")  # nothing to be seen

    with pytest.raises(PackageError, match="took more than 1 s of processor time"):
        TrialProcess(cpu_s=1).require_harmless(_with_model(_patient_loop()))


def test_a_model_that_grows_without_bounds_ends_its_own_process() -> None:
    require_safe_model(_doubling(), what="the model")

    with pytest.raises(PackageError, match=r"fail|alloc|crashed"):
        TrialProcess().require_harmless(_with_model(_doubling()))


def test_a_trial_that_is_broken_off_says_nothing_about_the_package() -> None:
    trial = TrialProcess(cpu_s=20)
    leaving = threading.Timer(1.0, trial.close)
    leaving.start()

    with pytest.raises(UnavailableError, match="was ended from outside"):
        trial.require_harmless(_with_model(_patient_loop()))

    leaving.join()


def test_a_model_that_does_other_things_than_its_author_saw_is_refused() -> None:
    model = _model([helper.make_node("Mul", ["X", "zero"], ["probabilities"])])

    with pytest.raises(PackageError, match="golden vectors"):
        TrialProcess().require_harmless(_with_model(model))
