"""Bundles for tests, with their Python compiled where what compiles it can be had."""

import json
from pathlib import Path
from typing import NamedTuple

import onnx

from browser.bundle import Parts, build_bundle
from browser.py.bridge import layouts
from browser.python_files import compiled_python
from browser.tools import NODE_MODULES
from edge_contract.errors import UnavailableError
from edge_contract.package import ArtifactRole, Package
from tests.browser.tabs import PAGE, SCRIPT
from tests.support.packages import altered, digits, with_version

__all__ = ["Site", "built", "bundled", "parts", "retold"]


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


class Site(NamedTuple):
    """A folder that is served."""

    folder: Path
    url: str


def bundled(package: Package, folder: Path) -> dict[str, object]:
    """Put a package's files beside the page, and return what the page is told of them."""
    files = {package.digest: package.manifest_bytes}
    files |= {it.digest: package.files[it.path] for it in package.manifest.artifacts}
    for digest, data in files.items():
        (folder / digest).write_bytes(data)
    reference = package.files[package.manifest.artifact(ArtifactRole.REFERENCE).path]
    return {
        "digest": package.digest,
        "version": package.manifest.version,
        "layouts": json.loads(layouts(package.manifest_bytes, reference)),
    }


def retold(version: str) -> Package:
    """The same model with another description: a delta of some bytes."""

    def change(data: bytes) -> bytes:
        model = onnx.load_from_string(data)
        model.doc_string = f"as of {version}"
        changed: bytes = model.SerializeToString()
        return changed

    return with_version(altered(digits().package, ArtifactRole.MODEL, change), version)
