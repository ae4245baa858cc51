"""Frameworks for networks, which tests use in processes of their own.

They are heavy and start threads, and Keras runs on one backend per process.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

__all__ = ["INSTALLED", "run_apart", "skip_without"]

INSTALLED = Path(sys.prefix) / ".frameworks"
"""Is there once ``make test`` has installed them."""

WHY_MISSING = Path(sys.prefix) / ".frameworks-missing"


def skip_without(*modules: str) -> None:
    """Skip a test, and say why, if ``make test`` could not install what it needs."""
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        why = WHY_MISSING.read_text("utf-8").strip() if WHY_MISSING.exists() else "run: make test"
        pytest.skip(f"without {', '.join(missing)}: {why}")


def run_apart(file: str, folder: Path, *, backend: str = "torch") -> None:
    """Run a file of tests in a process of its own; fail with what it prints.

    Args:
        file: Relative to the repository.
        folder: Where it may write.
        backend: What Keras runs on there.
    """
    command = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file)
    done = subprocess.run(
        [*command, "--show-capture=no", f"--basetemp={folder / 'apart'}"],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": backend, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
