"""Bundles on loopback and tabs that look at them, for the benchmark of browsers."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from playwright.sync_api import BrowserContext, Page
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from browser.py.bridge import layouts
from browser.serving import bundle_server
from edge_contract.package import ArtifactRole, Package
from edgefleet.converting import convert

__all__ = ["Site", "Tab", "digits_package", "options_of", "served"]

_PAGES: Final = Path(__file__).parent / "browser_pages"
_TIMEOUT_MS: Final = 120_000


class Site(NamedTuple):
    """A bundle that is served.

    Attributes:
        url: Of the benchmark's page.
        options: For an agent in it.
        model: URL of the model alone.
        width: Values of a row.
    """

    url: str
    options: dict[str, object]
    model: str
    width: int


def digits_package(_seed: int) -> Package:
    """Return the model that the page of the bundle shows."""
    rows, truths = load_digits(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(rows, truths)
    return convert(model, rows, truths, name="digits", version="1.0.0")


@contextmanager
def served(folder: Path, package: Package, cloud: str) -> Iterator[Site]:
    """Serve a bundle, with the benchmark's page in it, until the end of the block."""
    for page in _PAGES.iterdir():
        shutil.copyfile(page, folder / page.name)
    with bundle_server(folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_address[1]}"
        model = package.manifest.artifact(ArtifactRole.MODEL)
        options = {**options_of(package, f"{base}/models"), "cloud": cloud}
        [shape] = [spec.shape for spec in package.manifest.inputs]
        try:
            yield Site(
                f"{base}/bench.html", options, f"{base}/models/{model.digest}", int(shape[1])
            )
        finally:
            server.shutdown()
            thread.join()


def options_of(package: Package, url: str) -> dict[str, object]:
    """Return what an agent is told of a package that comes with the page."""
    reference = package.files[package.manifest.artifact(ArtifactRole.REFERENCE).path]
    return {
        "model": package.manifest.name,
        "bundled": {
            "digest": package.digest,
            "version": package.manifest.version,
            "url": url,
            "layouts": json.loads(layouts(package.manifest_bytes, reference)),
        },
    }


class Tab:
    """A tab with the benchmark's page."""

    def __init__(self, context: BrowserContext, site: Site) -> None:
        self.page: Page = context.new_page()
        self.page.set_default_timeout(_TIMEOUT_MS)
        self.page.goto(site.url)
        self.page.wait_for_function("() => window.loaded === true")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.page.close()

    def ask(self, function: str, **given: object) -> Any:  # noqa: ANN401  what JavaScript returns
        """Call a function of the page and wait for its answer."""
        return self.page.evaluate(f"given => window.{function}(given)", given)
