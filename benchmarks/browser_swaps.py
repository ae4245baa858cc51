"""Calls in a tab, one after another without a pause, while a cloud swaps its version."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser

from benchmarks.browser_site import Tab, served
from benchmarks.harness import Figure
from benchmarks.inference_models import forest
from cloud_sync.adapters.listening import free_port
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_contract.errors import UnavailableError
from edge_contract.package import ArtifactRole, Package
from edgefleet.client import Cloud

__all__ = ["swap_figures"]

_PATIENCE_S: Final = 120.0


def swap_figures(chromium: Browser, site: Path, seed: int, *, swaps: int) -> Iterator[Figure]:
    """Swap versions of a forest of about 1 MB and time the longest wait for an answer."""
    model = forest(seed, trees=12)
    versions = [_versioned(model.package, f"1.{number}.0") for number in range(swaps + 1)]
    digest = model.package.manifest.artifact(ArtifactRole.MODEL).digest
    (site / "models" / digest).write_bytes(model.package.model())
    ports: list[int] = []
    for _ in range(3):
        ports.append(free_port("127.0.0.1", besides=ports))
    with tempfile.TemporaryDirectory() as folder:
        config = CloudConfig(
            data=Path(folder),
            http_port=ports[0],
            mqtt_port=ports[1],
            websocket_port=ports[2],
            interval_s=1.0,
        )
        with (
            CloudService(config) as service,
            Cloud(service.url, program="benchmark") as cloud,
            served(site, model.package, "") as place,
        ):
            cloud.push(versions[0])
            context = chromium.new_context()
            with Tab(context, place) as tab:
                row = model.rows[0].tolist()
                options = {"model": "forest", "cloud": f"ws://127.0.0.1:{ports[2]}/mqtt"}
                tab.page.evaluate(
                    """async ({ options, row }) => {
                      const { createAgent } = await import("./src/edgefleet.js");
                      window.agent = await createAgent(options);
                      await agent.predict([row]);
                    }""",
                    {"options": options, "row": row},
                )
                peace = _observed(tab, row, lambda: time.sleep(5.0))
                control = _observed(tab, row, lambda: _load_alone(tab, place.model, swaps))
                found = _observed(tab, row, lambda: _swap_all(tab, cloud, versions[1:]))
            context.close()
    size = len(model.package.model()) / 1e6
    what = f"forest of {size:.1f} MB, {len(found['versions']) - 1} swaps, {found['calls']} calls"
    yield Figure(f"{what}: longest wait", found["longest"], "ms", 20.0, peer="call after call")
    yield Figure("the same in peace: longest wait", peace["longest"], "ms")
    what_else = "onnxruntime-web alone loads the same model in other workers"
    yield Figure(f"the same while {what_else}: longest wait", control["longest"], "ms")
    yield Figure(f"{what}: failed", found["failed"], "calls", 0.0)


def _observed(tab: Tab, row: list[float], change: Callable[[], None]) -> dict[str, Any]:
    """Call without a pause while something is done."""
    tab.page.evaluate("row => { window.running = window.through({ row }); }", [row])
    change()
    tab.page.evaluate("() => { window.stopped = true; }")
    found: dict[str, Any] = tab.page.evaluate("() => window.running")
    return found


def _load_alone(tab: Tab, model: str, times: int) -> None:
    """Load beside the agent what a swap loads, without one: the machine's part in the wait."""
    tab.ask("loadAlone", model=model, times=times)


def _swap_all(tab: Tab, cloud: Cloud, versions: Sequence[Package]) -> None:
    for package in versions:
        cloud.push(package)
        version = package.manifest.version
        cloud.start_rollout("forest", version, strategy="all-at-once", bake_s=1)
        ends_s = time.monotonic() + _PATIENCE_S
        while (
            tab.page.evaluate("async () => (await agent.status()).serving") != f"forest@{version}"
        ):
            if time.monotonic() > ends_s:
                raise UnavailableError(f"the tab did not take {version} in {_PATIENCE_S:g} s")
            tab.page.wait_for_timeout(200)
        while cloud.rollouts()[0].state not in ("succeeded", "rolled_back"):
            tab.page.wait_for_timeout(200)


def _versioned(package: Package, version: str) -> Package:
    return Package.verified(replace(package.manifest, version=version).to_bytes(), package.files)
