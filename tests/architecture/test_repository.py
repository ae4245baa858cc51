"""The repository installs from any registry and says nothing of the machine it was made on."""

import json
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT, SHIPPED, repository_files

ADDRESS = re.compile(r".*(?://|--(?:extra-)?index-url|--find-links| @ ).*")

PINNED_AND_HASHED = re.compile(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}")

PYTHON_LOCK_FILES = sorted(path.name for path in ROOT.glob("requirements-*.txt"))

LOCK_FILES = ["browser/package-lock.json", *PYTHON_LOCK_FILES]

REGISTRY_HOST = re.compile(
    r"pypi\.org|pythonhosted\.|npmjs\.|yarnpkg\.|jsdelivr\.|unpkg\.com|anaconda\.org|(deb|security)\.debian\.",
    re.IGNORECASE,
)


def text_of(path: Path) -> str:
    """The file as text; bytes that are none come out as replacement characters."""
    return path.read_text("utf-8", errors="replace")


def pyproject() -> dict[str, dict[str, object]]:
    return tomllib.loads(text_of(ROOT / "pyproject.toml"))


@pytest.mark.parametrize("name", LOCK_FILES)
def test_a_lock_file_holds_no_addresses(name: str) -> None:
    text = re.sub(r"sha512-[A-Za-z0-9+/=]+", "", text_of(ROOT / name))  # may hold two slashes
    addresses = re.findall(r".*(?://|--(?:extra-)?index-url|--find-links| @ ).*", text)

    assert addresses == [], 'run "make lock"'


def locked(name: str) -> list[str]:
    """The requirements of a lock file, each on one line."""
    requirements = text_of(ROOT / name).replace("\\\n", " ").splitlines()
    return [line for line in requirements if line and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("name", PYTHON_LOCK_FILES)
def test_every_locked_python_requirement_is_pinned_and_hashed(name: str) -> None:
    loose = [line for line in locked(name) if not PINNED_AND_HASHED.match(line)]

    assert locked(name)
    assert loose == []


def test_lock_files_agree_about_the_packages_that_several_of_them_pin() -> None:
    pins: dict[tuple[str, str], dict[str, str]] = {}
    for name in PYTHON_LOCK_FILES:
        for line in locked(name):
            package, _, rest = line.partition("==")
            version, _, marker = rest.partition(" --hash")[0].partition(" ; ")
            pins.setdefault((package, marker.strip()), {})[name] = version.partition("+")[0].strip()

    torn = {key: found for key, found in pins.items() if len(set(found.values())) > 1}

    assert sum(len(found) > 1 for found in pins.values()) > 5
    assert torn == {}, 'run "make lock"'


def test_every_locked_npm_package_has_a_strong_digest() -> None:
    packages = json.loads(text_of(ROOT / "browser/package-lock.json"))["packages"]

    weak = [
        name
        for name, package in packages.items()
        if name and not package["integrity"].startswith("sha512-")
    ]

    assert "node_modules/pyodide" in packages
    assert weak == []


def test_no_file_names_the_host_of_a_package_registry() -> None:
    found = [
        str(path.relative_to(ROOT))
        for path in repository_files()
        if REGISTRY_HOST.search(text_of(path))
    ]

    assert found == []


def test_no_file_names_the_folder_that_this_checkout_lies_in() -> None:
    here = f"{ROOT}/"

    found = [path.relative_to(ROOT) for path in repository_files() if here in text_of(path)]

    assert found == []


def test_the_top_level_holds_the_folders_of_the_house_and_nothing_else() -> None:
    folders = {
        path.relative_to(ROOT).parts[0]
        for path in repository_files()
        if len(path.relative_to(ROOT).parts) > 1
    }

    assert folders - {".ci", "benchmarks", "docs", "tests"} == set(SHIPPED)


def test_the_base_distribution_needs_nothing() -> None:
    assert pyproject()["project"]["dependencies"] == []


def test_published_requirements_state_a_lower_bound_and_no_upper_one() -> None:
    extras = pyproject()["project"]["optional-dependencies"]
    assert isinstance(extras, dict)

    bad = {
        extra: requirement
        for extra, requirements in extras.items()
        for requirement in requirements
        if not re.fullmatch(
            r"edgefleet\[[\w,]+\]|[\w.-]+(\[[\w,]+\])?>=[\d.]+"
            r"(; (sys_platform [!=]= '\w+'|python_version < '[\d.]+'))?",
            requirement,
        )
    }

    assert set(extras) >= {"agent", "boost", "browser", "cloud", "convert", "demo", "gpu"}
    assert bad == {}
