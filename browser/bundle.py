"""Builds the bundle: a folder with everything that a page needs, which any web server can host.

::

    OUT/src/        the agent's JavaScript, as it stands here
    OUT/vendor/     onnxruntime-web, mqtt.js and Pyodide, and core.zip: the agent's Python
    OUT/bundle.json digests of all files

Nothing in it is fetched from anywhere else when the page runs.
"""

import base64
import hashlib
import io
import json
import shutil
import zipfile
from pathlib import Path
from typing import Final

from edge_contract.errors import UsageError

__all__ = ["NPM_FILES", "build_bundle", "core_archive"]

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parent

NPM_FILES: Final = {
    "ort": (
        "onnxruntime-web/dist",
        ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    ),
    "mqtt": ("mqtt/dist", ("mqtt.esm.js",)),
    "pyodide": (
        "pyodide",
        (
            "pyodide.mjs",
            "pyodide.asm.mjs",
            "pyodide.asm.wasm",
            "pyodide-lock.json",
            "python_stdlib.zip",
        ),
    ),
}
"""What is taken from which npm package, by folder below ``vendor``."""

_CORE: Final = ("edge_contract", "edge_agent/__init__.py", "edge_agent/core", "browser/py")


def build_bundle(out: Path, *, npm: Path = _HERE / "node_modules") -> Path:
    """Write the bundle into ``out``, in place of one that is there; return ``out``.

    Args:
        out: A folder that is empty, missing, or an older bundle.
        npm: The folder ``node_modules`` that ``npm ci`` has filled.

    Raises:
        UsageError: ``out`` holds something else, or an npm package is missing.
    """
    if out.exists() and any(out.iterdir()) and not (out / "bundle.json").exists():
        raise UsageError(
            f"folder {str(out)!r} is not empty and holds no bundle: name another one, or empty it"
        )
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(_HERE / "src", out / "src")
    for folder, (package, names) in NPM_FILES.items():
        target = out / "vendor" / folder
        target.mkdir(parents=True)
        for name in names:
            source = npm / package / name
            if not source.is_file():
                raise UsageError(
                    f"npm package file {package}/{name} is missing in {str(npm)!r}: "
                    "run `npm ci` in the folder browser/"
                )
            shutil.copyfile(source, target / name)
    (out / "vendor" / "core.zip").write_bytes(core_archive())
    digests = {path.relative_to(out).as_posix(): _integrity(path) for path in _files(out)}
    (out / "bundle.json").write_text(json.dumps({"files": digests}, indent=1) + "\n")
    return out


def core_archive() -> bytes:
    """Return the agent's Python for Pyodide as a zip file, the same bytes for the same files."""
    sources = [_ROOT / "browser" / "__init__.py"]
    for part in _CORE:
        path = _ROOT / part
        sources += [path] if path.is_file() else sorted(path.rglob("*.py"))
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for source in sources:
            info = zipfile.ZipInfo(source.relative_to(_ROOT).as_posix())
            archive.writestr(info, source.read_bytes(), zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _integrity(path: Path) -> str:
    """Return what HTML calls ``integrity``."""
    return "sha256-" + base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
