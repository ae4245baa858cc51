"""There is one version."""

import tomllib
from pathlib import Path

from edge_contract.version import VERSION


def test_the_version_is_that_of_the_project_file() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert project["project"]["version"] == VERSION
