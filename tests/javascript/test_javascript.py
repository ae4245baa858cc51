"""The browser's JavaScript passes its own tests, under node."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT

HERE = Path(__file__).parent
SUITES = sorted(HERE.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES, ids=[path.name.split(".")[0] for path in SUITES])
def test_the_suite_passes_under_node(suite: Path) -> None:
    completed = subprocess.run(
        ["node", "--test", "--test-reporter=spec", str(suite)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        cwd=ROOT,
    )
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "pass 0\n" not in completed.stdout
