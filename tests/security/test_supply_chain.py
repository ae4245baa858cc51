"""What is installed is what was pinned, and there is a list of what that is."""

import runpy
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / ".ci"


@pytest.mark.parametrize("what", ["of_locks", "of_npm", "of_installed"])
def test_every_dependency_is_pinned_by_version_and_digest(what: str) -> None:
    audit = runpy.run_path(str(TOOLS / "audit"))

    assert audit["requirements"]("requirements-dev.txt")
    assert audit[what]() == []


def test_the_packages_that_browsers_get_are_listed_with_digests() -> None:
    found = runpy.run_path(str(TOOLS / "sbom"))["of_npm"]()

    assert found["bomFormat"] == "CycloneDX"
    names = {component["name"] for component in found["components"]}
    assert {"mqtt", "onnxruntime-web", "pyodide"} <= names
    assert all(len(it["hashes"][0]["content"]) == 128 for it in found["components"])
