"""The contract gives the same numbers in a browser tab as it does here."""

from pathlib import Path

from tests.pyodide.harness import CORE, run_in_pyodide

HERE = Path(__file__).parent


def test_pyodide_agrees_with_the_vectors() -> None:
    answer = run_in_pyodide(
        HERE / "check_vectors.py", trees=(*CORE, "tests/__init__.py", "tests/vectors")
    )

    assert answer == []
