"""The page at ``/try/``: a bundle as it lies in a folder, and nothing else of the disk."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cloud_sync.api.server import ApiServer
from cloud_sync.api.settings import ApiSettings
from tests.support.memory_cloud import MemoryCloud


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "secret.txt").write_text("of the cloud")
    (folder := tmp_path / "page").mkdir()
    return folder


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[ApiServer]:
    backend = MemoryCloud(tmp_path / "registry")
    with ApiServer(backend, port=0, settings=ApiSettings(page=folder)) as running:
        yield running


def bundle(folder: Path) -> None:
    policy = {"Content-Security-Policy": "script-src 'self' 'wasm-unsafe-eval'"}
    (folder / "bundle.json").write_text(json.dumps({"headers": policy, "files": {}}))
    (folder / "index.html").write_text("<title>try</title>")
    (folder / "engine.wasm").write_bytes(b"\0asm and more")
    (folder / "engine.wasm.gz").write_bytes(gzip.compress(b"\0asm, packed"))


def test_files_come_with_the_bundles_headers_in_the_form_that_is_smallest(
    server: ApiServer, folder: Path
) -> None:
    bundle(folder)

    page = httpx.get(f"{server.url}/try", follow_redirects=True)
    small = httpx.get(f"{server.url}/try/engine.wasm", headers={"Accept-Encoding": "gzip, br"})
    whole = httpx.get(f"{server.url}/try/engine.wasm", headers={"Accept-Encoding": "identity"})

    assert (page.text, page.headers["content-type"][:9]) == ("<title>try</title>", "text/html")
    assert page.headers["content-security-policy"] == "script-src 'self' 'wasm-unsafe-eval'"
    assert (small.content, small.headers["content-encoding"]) == (b"\0asm, packed", "gzip")
    assert (whole.content, whole.headers["content-type"]) == (
        b"\0asm and more",
        "application/wasm",
    )


def test_before_the_page_is_built_it_says_so(server: ApiServer) -> None:
    answer = httpx.get(f"{server.url}/try/")

    assert answer.status_code == 503
    assert "the page is not there yet" in answer.text


@pytest.mark.parametrize(
    "path", ["nothing.js", "..%2Fsecret.txt", "%2e%2e/secret.txt", "/etc/hosts"]
)
def test_nothing_beside_the_bundle_is_served(server: ApiServer, folder: Path, path: str) -> None:
    bundle(folder)

    assert httpx.get(f"{server.url}/try/{path}").status_code == 404
