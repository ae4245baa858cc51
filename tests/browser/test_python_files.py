"""The Python that a bundle brings: compiled in the browser's own Python, and pruned."""

import io
import zipfile

import pytest

from browser.python_files import compiled_python, plain_python, pruned_lock
from browser.tools import NODE_MODULES
from edge_contract.errors import UnavailableError


def names_in(archive: bytes) -> set[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return set(opened.namelist())


def test_sources_are_the_same_bytes_each_time_and_verify_only_where_asked() -> None:
    plain, again = plain_python(NODE_MODULES), plain_python(NODE_MODULES)
    verifying = plain_python(NODE_MODULES, verifies=True)

    assert plain == again
    assert "edge_agent/core/agent.py" in names_in(plain.core)
    assert "tuf/api/metadata.py" not in names_in(plain.core)
    assert "tuf/api/metadata.py" in names_in(verifying.core)
    assert b'"packages":{}' in pruned_lock(NODE_MODULES)


def test_what_is_compiled_holds_no_sources_and_only_what_a_tab_loads() -> None:
    try:
        stdlib, core = compiled_python(NODE_MODULES, verifies=True)
    except UnavailableError as error:
        if "pip install failed" not in str(error):
            raise
        pytest.skip(f"what compiles is not here yet: {error}")

    standard, ours = names_in(stdlib), names_in(core)

    assert all(name.endswith(".pyc") for name in standard | ours)
    assert {"json/__init__.pyc", "pyodide/code.pyc", "traceback.pyc"} <= standard
    assert {"pydoc.pyc", "unittest/case.pyc", "doctest.pyc"}.isdisjoint(standard)
    assert {"edge_agent/core/agent.pyc", "browser/py/verifying.pyc"} <= ours
    assert "tuf/ngclient/requests_fetcher.pyc" not in ours
    assert len(stdlib) < 5_500_000
