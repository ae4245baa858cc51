"""What people install imports and works like the repository does."""

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, SHIPPED, python_files

IMPORT_ALL = """
import importlib, json, sys
unpacked, installed, *packages = sys.argv[1:]
sys.path[:0] = [unpacked]
sys.path.append(installed)
modules = [importlib.import_module(package) for package in packages]
print(json.dumps([module.__file__ for module in modules]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_module_of_the_repository_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    expected = {path.relative_to(ROOT).as_posix() for path in python_files(*SHIPPED)}
    tops = {name.split("/")[0] for name in names}

    assert {name for name in names if name.endswith(".py")} == expected
    assert {top for top in tops if not top.endswith(".dist-info")} == set(SHIPPED)
    assert not [name for name in names if "node_modules" in name]


@pytest.mark.parametrize("folder", ["cloud_sync/dashboard", "edgefleet/report"])
def test_the_wheel_holds_templates_and_styles(wheel: Path, folder: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())

    assets = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix in {".css", ".html", ".js", ".svg"}
    }

    assert assets
    assert assets <= names


def test_the_wheel_says_that_it_is_typed_and_under_which_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()

    assert {f"{package}/py.typed" for package in SHIPPED} <= set(names)
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_every_package_imports_from_the_wheel_without_the_repository(
    wheel: Path, tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    installed = sysconfig.get_path("purelib")

    # -S skips the .pth file that would put the repository back on the path.
    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(tmp_path), installed, *SHIPPED]
    imported = subprocess.run(
        command, cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout

    expected = [str(tmp_path / package / "__init__.py") for package in SHIPPED]
    assert json.loads(imported) == expected


def test_the_public_face_imports_with_nothing_else_installed(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    packages = ["edgefleet", "edge_contract", "edge_agent.core", "cloud_sync.core"]

    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, str(tmp_path), "", *packages]
    completed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert completed.returncode == 0, completed.stderr
