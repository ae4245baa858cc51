"""Deltas between models as skl2onnx writes them."""

import numpy as np
import pytest
from skl2onnx import to_onnx
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Compression, Method, Zlib, apply_delta, make_delta
from edge_contract.package import digest_of

OPSET = {"": 18, "ai.onnx.ml": 3}


def exported(model: LogisticRegression | RandomForestClassifier, rows: int) -> bytes:
    x, y = load_iris(return_X_y=True)
    fitted = model.fit(x[::-1][:rows], y[::-1][:rows])
    return bytes(to_onnx(fitted, x[:1].astype(np.float32), target_opset=OPSET).SerializeToString())


@pytest.mark.parametrize("compression", [Zlib(), Zstd()], ids=["zlib", "zstd"])
@pytest.mark.parametrize("method", Method)
def test_every_method_gives_a_retrained_model_back(
    method: Method, compression: Compression
) -> None:
    linear, forest = LogisticRegression(max_iter=500), RandomForestClassifier(5, random_state=1)
    pairs = [(exported(model, 140), exported(model, 150)) for model in (linear, forest)]

    for old, new in pairs:
        delta = make_delta(old, new, compression=compression, methods=[method])

        made = apply_delta(
            old, delta, digest=digest_of(new), max_bytes=len(new), compressions=(compression,)
        )

        assert made == new


def test_trees_that_were_added_cost_less_than_the_forest() -> None:
    old = exported(RandomForestClassifier(10, random_state=1), 140)
    new = exported(RandomForestClassifier(11, random_state=1), 140)

    delta = make_delta(old, new, compression=Zstd())

    assert delta.method is Method.PATCH
    assert len(delta.body) < 0.6 * delta.sizes[Method.FULL]
