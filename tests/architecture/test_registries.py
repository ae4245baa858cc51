"""A new file in a registry folder is found: its import line was not forgotten."""

import importlib.util
import json
import pkgutil
import subprocess
import sys

import pytest

REGISTRY_PACKAGES = ["edge_contract.stats"]
"""Packages that list what their files register; importing one must import all of its files."""


def modules_in(package: str) -> set[str]:
    """Names of the module files directly inside ``package``."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"there is no package {package!r}"
    prefix = f"{package}."
    return {info.name for info in pkgutil.iter_modules(spec.submodule_search_locations, prefix)}


def modules_imported_by(package: str) -> set[str]:
    """Names inside ``package`` that a fresh interpreter has loaded after importing it alone."""
    program = f"import json, sys, {package}\nprint(json.dumps(list(sys.modules)))"
    command = [sys.executable, "-c", program]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return {name for name in json.loads(loaded) if name.startswith(f"{package}.")}


@pytest.mark.parametrize("package", REGISTRY_PACKAGES)
def test_importing_a_registry_imports_every_file_of_its_folder(package: str) -> None:
    forgotten = modules_in(package) - modules_imported_by(package)

    assert forgotten == set(), f"add the missing import to {package.replace('.', '/')}/__init__.py"


def test_a_file_that_nobody_imports_is_noticed() -> None:
    assert "json.tool" in modules_in("json") - modules_imported_by("json")
