"""The same core runs in a browser tab: Pyodide has everything that it imports."""

from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, python_files
from tests.pyodide.harness import CORE, run_in_pyodide

HERE = Path(__file__).parent


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_of_the_core_imports_in_pyodide() -> None:
    expected = sorted(
        module_name(path) for path in python_files("edge_contract", "edge_agent/core")
    )

    answer = run_in_pyodide(HERE / "import_everything.py")

    assert isinstance(answer, dict)
    assert answer["platform"] == "emscripten"
    assert answer["modules"] == expected


def test_a_script_that_fails_in_pyodide_fails_the_test_with_its_traceback(tmp_path: Path) -> None:
    script = tmp_path / "broken.py"
    script.write_text("import edge_contract\nimport numpy\n")

    with pytest.raises(AssertionError, match="No module named 'numpy'"):
        run_in_pyodide(script, trees=CORE)
