"""A tab that predicts, and fetches what a mirror shows it, as its agent does by order."""

from typing import Any, Final

from playwright.sync_api import Page

from edge_contract.package import Package
from tests.browser.sites import Site, bundled
from tests.security.signed_fleets import V1, Fleet
from tests.support.packages import digits

__all__ = ["AttackedTab"]

_OPEN: Final = """async ([url, bundled]) => {
  const files = ["edgefleet", "python", "package_source", "store", "trust"];
  const parts = await Promise.all(files.map((name) => import(`${url}/src/${name}.js`)));
  const { createAgent, loadPython, PackageSource, Store, Trust } = Object.assign({}, ...parts);
  window.agent = await createAgent({ model: "digits", bundled });
  const vendor = `${url}/vendor`;
  const python = await loadPython({ pyodide: `${vendor}/pyodide/`, core: `${vendor}/core.zip` });
  let number = 0;
  window.begin = async (root) => {
    number += 1;
    window.store = await Store.open(`attacked ${number}`);
    window.trust = new Trust(python.verifying(root, ""), store, (it) => it, 1000);
    window.source = new PackageSource(store, "127.0.0.1", { trust });
  };
  const said = (doing) => doing.then(() => "", ({ name, message }) => `${name}: ${message}`);
  window.fetched = (digest, url) => said(source.fetch(digest, url));
  window.opened = (topic, bytes) => said(trust.opened(topic, new Uint8Array(bytes)));
}"""


class AttackedTab:
    """One page for all attacks; each begins with an empty store and the fleet's root.

    Args:
        page: An empty one of the same site.
        site: Where the agent comes from.
    """

    def __init__(self, page: Page, site: Site) -> None:
        self._page = page
        (files := site.folder / "models").mkdir(exist_ok=True)
        brought = {**bundled(V1, files), "url": f"{site.url}/models"}
        page.goto(f"{site.url}/tests.html")
        page.evaluate(_OPEN, [site.url, brought])
        self._url = ""

    def begin(self, fleet: Fleet) -> None:
        """Become a new tab of a fleet, whose packages come from its mirror, too."""
        self._url = fleet.mirror.url.removesuffix("/trust")
        self._page.evaluate("root => begin(root)", fleet.root.decode())

    def fetch(self, package: Package = V1) -> str:
        """Fetch a package as by order; return why it is refused, empty if it is not."""
        said: str = self._page.evaluate(
            "([digest, url]) => fetched(digest, url)", [package.digest, self._url]
        )
        return said

    def forget(self) -> None:
        """Let all packages go, so that they have to come again."""
        self._page.evaluate("() => store.prune([])")

    def open(self, topic: str, message: bytes) -> str:
        """Open an order; return why it is refused."""
        said: str = self._page.evaluate(
            "([topic, bytes]) => opened(topic, bytes)", [topic, list(message)]
        )
        return said

    def predicts(self) -> bool:
        """Whether the version that the page had goes on answering."""
        found: dict[str, Any] = self._page.evaluate(
            "rows => agent.predict(rows).then(({ model, labels }) => ({ model, labels }))",
            digits().rows[:3].tolist(),
        )
        return found == {"model": "digits@1.0.0", "labels": digits().labels[:3].tolist()}
