"""A new file in a registry folder is found: its import line was not forgotten."""

import ast
import importlib.util
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

REGISTRIES = [
    "cloud_sync.core.rollout",
    "cloud_sync.core.rollout.gates",
    "converters",
    "edge_contract.messages",
    "edge_contract.stats",
]
"""Packages that list what their files ``@register``; importing one must import all such files."""


def registers_something(source: str) -> bool:
    """Whether a class or function of the file is decorated with ``register``."""
    return any(
        isinstance(decorator, ast.Name) and decorator.id == "register"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef | ast.FunctionDef)
        for decorator in node.decorator_list
    )


def registering_modules(folder: Path, package: str) -> set[str]:
    """Names of the files directly inside ``folder`` that register something."""
    return {
        info.name
        for info in pkgutil.iter_modules([str(folder)], f"{package}.")
        if not info.ispkg
        and registers_something((folder / f"{info.name.rpartition('.')[2]}.py").read_text("utf-8"))
    }


def modules_imported_by(package: str, *, path: Path) -> set[str]:
    """Everything that a fresh interpreter has loaded after importing ``package`` alone."""
    program = f"import json, sys, {package}\nprint(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, cwd=path, check=True, capture_output=True, text=True).stdout
    return set(json.loads(loaded))


@pytest.mark.parametrize("package", REGISTRIES)
def test_importing_a_registry_imports_every_file_that_registers_something(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent

    registering = registering_modules(folder, package)
    forgotten = registering - modules_imported_by(package, path=ROOT)

    assert registering
    assert forgotten == set(), f"add the missing import to {package.replace('.', '/')}/__init__.py"


def test_a_file_whose_import_line_was_forgotten_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "shapes").mkdir()
    (tmp_path / "shapes/__init__.py").write_text(
        "from shapes.base import register\nimport shapes.a"
    )
    (tmp_path / "shapes/base.py").write_text("def register(cls):\n    return cls\n")
    for name in ("a", "forgotten"):
        source = "from shapes.base import register\n@register\nclass Shape:\n    pass\n"
        (tmp_path / f"shapes/{name}.py").write_text(source)

    registering = registering_modules(tmp_path / "shapes", "shapes")

    assert registering == {"shapes.a", "shapes.forgotten"}
    assert registering - modules_imported_by("shapes", path=tmp_path) == {"shapes.forgotten"}
