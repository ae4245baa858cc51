"""Builds the bundle: a folder with everything that a page needs, which any web server can host.

::

    OUT/index.html  leads to the page
    OUT/page/       a page to try a model on, and config.json, which says which
    OUT/src/        the agent's JavaScript as it stands here, but what a page and its workers begin
                    with: that has in it what it imports, for starts with few requests
    OUT/vendor/     onnxruntime-web, mqtt.js and Pyodide, and core.zip: the agent's Python
    OUT/models/     files of a package that comes along, by digest
    OUT/bundle.json digests of all files, as Subresource Integrity has them, and headers to send
    OUT/service-worker.js  keeps all of them in the browser, for starts without a network

Beside each file that gets smaller lie ``FILE.gz`` and ``FILE.br``, for servers that send what is
compressed already. Nothing in it is fetched from anywhere else when the page runs.
"""

import base64
import hashlib
import json
import shutil
from pathlib import Path
from typing import Final, NamedTuple

from browser.compressing import compress
from browser.joining import joined
from browser.py.bridge import layouts
from browser.python_files import PythonFiles, plain_python, pruned_lock
from browser.tools import NODE_MODULES
from edge_contract.errors import UsageError
from edge_contract.package import ArtifactRole, Package
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["HEADERS", "NPM_FILES", "Parts", "build_bundle"]

_HERE: Final = Path(__file__).parent

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
        ),
    ),
}
"""What is taken from which npm package, by folder below ``vendor``."""

_WEBGPU: Final = (
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)

_BEGINNINGS: Final = ("edgefleet.js", "serving_worker.js", "worker.js")

HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
        "style-src 'self'; img-src 'self' data:; connect-src 'self' http: https: ws: wss:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""What servers should send with every file: isolation, and a policy that works."""

_INDEX: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=page/index.html">
<title>edgefleet</title>
<link rel="icon" href="page/icon.svg">
<a href="page/index.html">To the page</a>
</html>
"""


class Parts(NamedTuple):
    """What other people made.

    Attributes:
        npm: The folder ``node_modules`` that ``npm ci`` has filled.
        python: What :func:`browser.python_files.compiled_python` made; by default the sources,
            which start more slowly.
        webgpu: Whether onnxruntime-web's build for graphics processors comes along, 27 MB.
    """

    npm: Path = NODE_MODULES
    python: PythonFiles | None = None
    webgpu: bool = False


def build_bundle(  # noqa: PLR0913  one argument for each thing that a page may bring
    out: Path,
    *,
    model: str = "",
    package: Package | None = None,
    cloud: str = "",
    fleet: str = "default",
    trusted_root: bytes | None = None,
    join_token: str = "",
    parts: Parts | None = None,
    compressed: bool = False,
) -> Path:
    """Write the bundle into ``out``, in place of one that is there; return ``out``.

    Args:
        out: A folder that is empty, missing, or an older bundle.
        model: Name of the model of the page; the package's if there is one.
        package: Comes along, so that the page predicts without a cloud.
        cloud: URL of the broker for browsers, ``ws://`` or ``wss://``; ``:PORT`` for the host that
            the page comes from; empty for a page that only predicts.
        fleet: Name of the fleet.
        trusted_root: The fleet's TUF root; with it the page installs only what its keys have
            released, and hears only its director.
        join_token: By which each browser joins the fleet as a device of its own; whoever reads the
            page can read it.
        parts: Other people's parts of it.
        compressed: Whether smaller forms are written beside the files, which takes a minute.

    Raises:
        UsageError: ``out`` holds something else, or an npm package is missing.
    """
    if out.exists() and any(out.iterdir()) and not (out / "bundle.json").exists():
        raise UsageError(
            f"folder {str(out)!r} is not empty and holds no bundle: name another one, or empty it"
        )
    shutil.rmtree(out, ignore_errors=True)
    for folder in ("src", "page"):
        shutil.copytree(_HERE / folder, out / folder)
    for name, text in {name: joined(out / "src" / name) for name in _BEGINNINGS}.items():
        (out / "src" / name).write_text(text)
    (out / "index.html").write_text(_INDEX)
    parts = parts or Parts()
    _copy_vendor(out / "vendor", parts, verifies=trusted_root is not None or bool(join_token))
    agent: dict[str, JsonValue] = {"model": model, "fleet": fleet}
    if package is not None:
        agent |= {"model": package.manifest.name, "bundled": _bundled(out / "models", package)}
    agent |= _way(trusted_root, join_token)
    if parts.webgpu:
        agent["providers"] = ["webgpu", "wasm"]
    config: dict[str, JsonValue] = {"agent": agent}
    if cloud.startswith(":"):
        config["cloudPort"] = int(cloud[1:])
    elif cloud:
        agent["cloud"] = cloud
    (out / "page" / "config.json").write_text(json.dumps(config) + "\n")
    worker = out / "src" / "service_worker.js"
    template = worker.read_text()
    worker.unlink()
    digests = {path.relative_to(out).as_posix(): _integrity(path) for path in _files(out)}
    listed = json.dumps({"headers": HEADERS, "files": digests}, indent=1) + "\n"
    (out / "bundle.json").write_text(listed)
    name = hashlib.sha256(listed.encode()).hexdigest()[:16]
    (out / "service-worker.js").write_text(template.replace("@BUNDLE@", name))
    if compressed:
        compress(_files(out))
    return out


def _way(trusted_root: bytes | None, join_token: str) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    if trusted_root is not None:
        found["trustedRoot"] = trusted_root.decode()
    if join_token:
        found["joinToken"] = join_token
    return found


def _copy_vendor(target: Path, parts: Parts, *, verifies: bool) -> None:
    npm = parts.npm
    for folder, (package, names) in NPM_FILES.items():
        (target / folder).mkdir(parents=True)
        for name in (*names, *(_WEBGPU if parts.webgpu and folder == "ort" else ())):
            source = npm / package / name
            if not source.is_file():
                raise UsageError(
                    f"npm package file {package}/{name} is missing in {str(npm)!r}: "
                    "run `npm ci` in the folder browser/"
                )
            shutil.copyfile(source, target / folder / name)
    python = parts.python or plain_python(npm, verifies=verifies)
    (target / "core.zip").write_bytes(python.core)
    (target / "pyodide" / "python_stdlib.zip").write_bytes(python.stdlib)
    (target / "pyodide" / "pyodide-lock.json").write_bytes(pruned_lock(npm))


def _bundled(folder: Path, package: Package) -> JsonObject:
    """Write a package's files by digest, and return what the page must know of it."""
    folder.mkdir()
    (folder / package.digest).write_bytes(package.manifest_bytes)
    for artifact in package.manifest.artifacts:
        (folder / artifact.digest).write_bytes(package.files[artifact.path])
    reference = package.files[package.manifest.artifact(ArtifactRole.REFERENCE).path]
    return {
        "digest": package.digest,
        "version": package.manifest.version,
        "url": "../models",
        "layouts": json.loads(layouts(package.manifest_bytes, reference)),
    }


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _integrity(path: Path) -> str:
    """Return what HTML calls ``integrity``."""
    return "sha256-" + base64.b64encode(hashlib.sha256(path.read_bytes()).digest()).decode()
