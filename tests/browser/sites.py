"""Bundles for tests, with their Python compiled where what compiles it can be had."""

from pathlib import Path

from browser.bundle import Parts, build_bundle
from browser.python_files import compiled_python
from browser.tools import NODE_MODULES
from edge_contract.errors import UnavailableError
from edge_contract.package import Package
from tests.browser.tabs import PAGE, SCRIPT

__all__ = ["built", "parts"]


def parts() -> Parts:
    """Return what users get; compiled once, as long as nothing in it changes."""
    try:
        return Parts(python=compiled_python(NODE_MODULES, verifies=True))
    except UnavailableError as error:
        if "pip install failed" not in str(error):
            raise
        return Parts()


def built(
    folder: Path,
    *,
    package: Package | None = None,
    model: str = "",
    cloud: str = "",
    trusted_root: bytes | None = None,
) -> Path:
    """Build a bundle, with a page of tests beside the usual one."""
    build_bundle(
        folder,
        package=package,
        model=model,
        cloud=cloud,
        trusted_root=trusted_root,
        parts=parts(),
    )
    (folder / "tests.html").write_text(PAGE)
    (folder / "tests.js").write_text(SCRIPT)
    return folder
