"""Networks of PyTorch, JAX and Keras: their frameworks are tried in processes of their own.

They are heavy, start threads, and Keras runs on one backend per process. A file of cases runs by
itself, too: ``python -m pytest tests/converters/networks/torch_cases.py``.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

WHY_MISSING = Path(sys.prefix) / ".frameworks-missing"

INSTALLED = Path(sys.prefix) / ".frameworks"


def skip_without(*modules: str) -> None:
    """Skip a test, and say why, if ``make test`` could not install what it needs."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        why = WHY_MISSING.read_text("utf-8").strip() if WHY_MISSING.exists() else "run: make test"
        pytest.skip(f"without {', '.join(missing)}: {why}")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("cases", "backend", "modules"),
    [
        ("torch_cases", "", ("torch", "onnxscript")),
        ("jax_cases", "", ("jax", "jax2onnx")),
        ("keras_cases", "torch", ("keras", "torch", "onnxscript")),
        ("keras_cases", "jax", ("keras", "jax", "jax2onnx")),
    ],
)
def test_the_cases_of_a_framework_hold(
    cases: str, backend: str, modules: tuple[str, ...], tmp_path: Path
) -> None:
    skip_without(*modules)
    file = f"tests/converters/networks/{cases}.py"
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file)

    done = subprocess.run(
        [*command, "--show-capture=no", f"--basetemp={tmp_path}"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend or "torch", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def test_frameworks_that_make_test_has_installed_are_there() -> None:
    if not INSTALLED.exists():
        pytest.skip("make test has not installed them here")

    missing = [name for name in ("jax", "jax2onnx", "keras", "torch") if find_spec(name) is None]

    assert missing == []
