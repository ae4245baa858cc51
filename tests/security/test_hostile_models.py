"""No hostile model reaches onnxruntime, and refusing it costs next to nothing."""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper

from edge_contract.errors import PackageError
from edge_contract.onnx_file import ModelLimits, require_safe_model
from tests.security.hostile_models import HOSTILE_MODELS, dense_graph, model_of

_ROOT: Final = Path(__file__).parents[2]
_REFUSE: Final = """
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, (2, 2))
resource.setrlimit(resource.RLIMIT_AS, (300_000_000, 300_000_000))
from edge_contract.errors import PackageError
from edge_contract.onnx_file import require_safe_model
try:
    require_safe_model(open(sys.argv[1], "rb").read(), what="the model")
except PackageError as error:
    print(error)
"""


@pytest.mark.parametrize("name", HOSTILE_MODELS)
def test_a_hostile_model_is_refused_within_2_seconds_and_300_megabytes(
    name: str, tmp_path: Path
) -> None:
    make, reason = HOSTILE_MODELS[name]
    path = tmp_path / "model.onnx"
    path.write_bytes(make())

    done = subprocess.run(
        [sys.executable, "-c", _REFUSE, str(path)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert reason in done.stdout


def test_a_plain_model_is_let_through() -> None:
    require_safe_model(dense_graph().SerializeToString(), what="the model")


def test_bounds_can_be_set_narrower() -> None:
    model = model_of([helper.make_node("Neg", ["x"], ["z"]), helper.make_node("Neg", ["z"], ["y"])])

    with pytest.raises(PackageError, match="more than 1 steps"):
        require_safe_model(model.SerializeToString(), what="the model", limits=ModelLimits(nodes=1))


@given(st.binary(max_size=300))
def test_any_bytes_are_let_through_or_refused(data: bytes) -> None:
    with contextlib.suppress(PackageError):  # anything else would be a defect
        require_safe_model(data, what="the model")


@given(st.data())
def test_a_model_that_was_damaged_is_let_through_or_refused(
    data: st.DataObject,
) -> None:
    whole = bytearray(HOSTILE_MODELS["a loop of 2**62 trips"][0]())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))

    with contextlib.suppress(PackageError):  # anything else would be a defect
        require_safe_model(bytes(whole), what="the model")
