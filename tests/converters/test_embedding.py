"""Outputs that stand for a row as a vector."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from sklearn.decomposition import PCA

from converters.watching import Watching
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, Role, Task, count_rows, layout_of
from edge_contract.stats import Vectors
from tests.converters.helpers import flowers, quietly_converted, says


def classifier_with_embedding(components: int = 3) -> onnx.ModelProto:
    """Probabilities, and the hidden vector that they come from."""
    weights = numpy_helper.from_array(np.eye(3, components, dtype=np.float32), "w")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["hidden"]),
        helper.make_node("Softmax", ["x"], ["p"], axis=1),
    ]
    outputs: dict[str, list[int | str]] = {"p": ["n", 3], "hidden": ["n", components]}
    return helper.make_model(
        helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3])],
            [helper.make_tensor_value_info(k, TensorProto.FLOAT, s) for k, s in outputs.items()],
            [weights],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )


ROWS = np.random.default_rng(0).normal(5.0, 2.0, size=(400, 3)).astype(np.float32)


def test_an_output_that_is_named_is_watched_as_an_embedding() -> None:
    package = quietly_converted(
        classifier_with_embedding(), ROWS, watching=Watching(embedding="hidden")
    )

    roles = {output.tensor.name: output.role for output in package.manifest.outputs}
    found = package.reference().profile.find("embedding", "vectors")
    assert roles["hidden"] is OutputRole.EMBEDDING
    assert isinstance(found, Vectors)
    assert (found.rows, found.missing) == (400, 0)
    assert found.spec.centers == pytest.approx((5.0,) * 3, abs=0.4)
    assert found.spec.scales == pytest.approx((2.0,) * 3, abs=0.4)
    assert all(abs(sums.total) < 400 * 3 for sums in found.sums)


def test_a_classifier_is_not_watched_by_an_output_that_nobody_named() -> None:
    package = quietly_converted(classifier_with_embedding(), ROWS)

    assert package.reference().profile.find("embedding", "vectors") is None


def test_a_model_that_only_gives_vectors_is_watched_by_them() -> None:
    rows, _ = flowers()

    package = quietly_converted(PCA(2).fit(rows), rows)

    reference = package.reference()
    assert package.manifest.task is Task.OTHER
    said = says(package, {"X": rows.to_numpy(np.float32)})
    name = next(o.tensor.name for o in package.manifest.outputs)
    observed = [
        [*row, *vector, np.nan, np.nan, np.nan]
        for row, vector in zip(rows.to_numpy(np.float32).tolist(), said[name].tolist(), strict=True)
    ]
    spec = reference.profile.spec
    expected = count_rows(spec, layout_of(Role.PRIMARY, package.manifest, spec), observed)
    assert reference.profile.to_state() == expected.to_state()
    assert isinstance(reference.profile.find("embedding", "vectors"), Vectors)


@pytest.mark.parametrize(
    ("name", "components", "why"),
    [
        ("body", 3, "embedding 'body' is no output of the model that could be one; it has hidden"),
        ("p", 3, "embedding 'p' is no output of the model that could be one"),
        (
            "hidden",
            1,
            r"embedding 'hidden' is float32\[batch, 1\], expected 2 to 1024 numbers a row",
        ),
        ("hidden", 1025, "expected 2 to 1024 numbers a row"),
    ],
)
def test_what_can_be_no_embedding_is_refused(name: str, components: int, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        quietly_converted(
            classifier_with_embedding(components), ROWS, watching=Watching(embedding=name)
        )
