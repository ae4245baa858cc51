"""Imports go one way, as ``[tool.importlinter]`` in pyproject.toml says."""

import ast
import subprocess
import sys
from collections.abc import Iterator

from tests.architecture.sources import ROOT, imported_modules, python_files

PURE_FOLDERS = ("cloud_sync/core", "edge_agent/core", "edge_contract")

CALLS_WITH_EFFECTS = frozenset({"breakpoint", "compile", "eval", "exec", "input", "open", "print"})
METHODS_WITH_EFFECTS = frozenset(
    {"date.today", "datetime.now", "datetime.today", "datetime.utcnow", "io.open", "io.open_code"}
)


def foreign_imports(source: str) -> list[str]:
    """Modules outside the standard library and the pure packages."""
    allowed = tuple(folder.replace("/", ".") for folder in PURE_FOLDERS)
    return [
        module
        for module in imported_modules(source)
        if module.split(".", maxsplit=1)[0] not in sys.stdlib_module_names
        and not any(module == name or module.startswith(f"{name}.") for name in allowed)
    ]


def impure_calls(source: str) -> Iterator[str]:
    """Calls that reach out of the process or read a clock without importing a forbidden module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in CALLS_WITH_EFFECTS:
                yield name
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=name)) if (
                f"{owner}.{name}" in METHODS_WITH_EFFECTS
            ):
                yield f"{owner}.{name}"
            case _:
                pass


def test_all_import_contracts_are_kept() -> None:
    # In a process of its own: the linter configures logging, and so silences the loggers here.
    linter = "from importlinter.cli import lint_imports_command; lint_imports_command()"

    run = subprocess.run(
        [sys.executable, "-c", linter, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout
    assert "0 broken" in run.stdout


def test_the_pure_packages_import_only_the_standard_library_and_each_other() -> None:
    files = python_files(*PURE_FOLDERS)

    found = {path.relative_to(ROOT): foreign_imports(path.read_text("utf-8")) for path in files}

    assert files
    assert {path: modules for path, modules in found.items() if modules} == {}


def test_the_pure_packages_read_no_clock_and_open_nothing() -> None:
    files = python_files(*PURE_FOLDERS)

    found = {path.relative_to(ROOT): list(impure_calls(path.read_text("utf-8"))) for path in files}

    assert files
    assert {str(path): calls for path, calls in found.items() if calls} == {
        "edge_contract/records.py": ["exec"]  # of what it wrote itself, as dataclasses does
    }


def test_a_late_import_of_a_foreign_package_is_noticed() -> None:
    source = (
        "import math\n\ndef mean(x):\n    import numpy.linalg\n    from edge_agent.shell import A\n"
    )

    assert foreign_imports(source) == ["numpy.linalg", "edge_agent.shell"]


def test_a_clock_reached_through_an_allowed_module_is_noticed() -> None:
    source = "from datetime import datetime\nstamp = datetime.now()\nfile = open('x')\n"

    assert sorted(impure_calls(source)) == ["datetime.now", "open"]
