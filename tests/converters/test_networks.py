"""Networks of PyTorch, JAX and Keras: their frameworks are tried in processes of their own.

A file of cases runs by itself, too: ``python -m pytest tests/converters/networks/torch_cases.py``.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.frameworks import INSTALLED, run_apart, skip_without


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("cases", "backend", "modules"),
    [
        ("torch_cases", "torch", ("torch", "onnxscript")),
        ("jax_cases", "jax", ("jax", "jax2onnx")),
        ("keras_cases", "torch", ("keras", "torch", "onnxscript")),
        ("keras_cases", "jax", ("keras", "jax", "jax2onnx")),
    ],
)
def test_the_cases_of_a_framework_hold(
    cases: str, backend: str, modules: tuple[str, ...], tmp_path: Path
) -> None:
    skip_without(*modules)

    run_apart(f"tests/converters/networks/{cases}.py", tmp_path, backend=backend)


def test_frameworks_that_make_test_has_installed_are_there() -> None:
    if not INSTALLED.exists():
        pytest.skip("make test has not installed them here")

    missing = [name for name in ("jax", "jax2onnx", "keras", "torch") if find_spec(name) is None]

    assert missing == []
