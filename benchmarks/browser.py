"""The agent in a tab of Chromium, against onnxruntime-web alone and Pyodide as npm ships it."""

import shutil
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, sync_playwright

from benchmarks.browser_site import Site, Tab, digits_package, served
from benchmarks.browser_swaps import swap_figures
from benchmarks.harness import Figure, benchmark
from browser.bundle import Parts, build_bundle
from browser.compressing import compress, sizes_of
from browser.python_files import compiled_python, plain_python
from browser.tools import npm_packages
from edge_contract.package import Package

__all__ = ["browser"]

_NOBODY: Final = "ws://127.0.0.1:9/mqtt"
"""Nobody listens there: what is timed is the start, not the cloud."""


@benchmark
def browser(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Bytes, starts, calls, memory and swaps of pages in Chromium; ratios in the same browser."""
    package = digits_package(seed)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        npm = npm_packages()
        parts = Parts(npm, compiled_python(npm))
        compiled = _site(folder / "compiled", package, parts)
        plain = _site(folder / "plain", package, Parts(npm, plain_python(npm)))
        playwright = stack.enter_context(sync_playwright())
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("chromium-browser"),
            args=["--no-sandbox"],
        )
        stack.callback(chromium.close)
        sites = [stack.enter_context(served(site, package, _NOBODY)) for site in (compiled, plain)]
        figures = list(_starts(chromium, *sites, rounds=1 if quick else 7))
        figures += _calls(chromium, sites[0], rounds=2 if quick else 20)
        figures += swap_figures(chromium, compiled, seed, swaps=1 if quick else 5)
        figures += [] if quick else _bytes(_site(folder / "sent", package, parts))
    return figures


def _site(folder: Path, package: Package, parts: Parts) -> Path:
    return build_bundle(folder, package=package, parts=parts)


def _bytes(folder: Path) -> Iterator[Figure]:
    """Weigh a bundle that is not timed: no side is to have smaller forms that others lack."""
    compress(path for path in sorted(folder.rglob("*")) if path.is_file())
    for form, size in sizes_of(folder).items():
        target = 8.0 if form == "br" else None
        yield Figure(f"digits with everything: {form}", size / 1e6, "MB", target)


def _starts(chromium: Browser, compiled: Site, plain: Site, *, rounds: int) -> Iterator[Figure]:
    """Time pages that were never seen and pages that were, in turns."""
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, site in (("compiled", compiled), ("as npm ships it", plain)):
            context = chromium.new_context()
            for visit in ("cold", "warm"):
                with Tab(context, site) as tab:
                    found = tab.ask("firstAgent", options=site.options, width=site.width)
                times.setdefault(f"{visit} full, {name}", []).append(found["full"])
                times.setdefault(f"{visit} first, {name}", []).append(found["first"])
            context.close()
        context = chromium.new_context()
        for visit in ("cold", "warm"):
            with Tab(context, compiled) as tab:
                alone = tab.ask("firstPlain", model=compiled.model, width=compiled.width)
            times.setdefault(f"{visit} first, alone", []).append(alone)
        context.close()
    medians = {name: statistics.median(found) for name, found in times.items()}
    for visit in ("cold", "warm"):
        ours, alone_ms = medians[f"{visit} first, compiled"], medians[f"{visit} first, alone"]
        yield Figure(f"{visit}: first prediction", ours, "ms", peer=f"{alone_ms:.0f} ms alone")
        peer = "onnxruntime-web alone in a worker"
        yield Figure(f"{visit}: first prediction", ours / alone_ms, "x", 1.15, peer=peer)
        full, npm = medians[f"{visit} full, compiled"], medians[f"{visit} full, as npm ships it"]
        yield Figure(f"{visit}: full agent", full, "ms", peer=f"{npm:.0f} ms not compiled")
        peer = "the same agent on Pyodide as npm ships it"
        yield Figure(f"{visit}: full agent", full / npm, "x", 0.55, peer=peer)


def _calls(chromium: Browser, site: Site, *, rounds: int) -> Iterator[Figure]:
    """Time calls of agent and peers in turns; memory afterwards."""
    context = chromium.new_context()
    options = {**site.options, "cloud": _NOBODY}
    for batch, times in ((1, 200), (1000, 40)):
        with Tab(context, site) as tab:
            found = tab.ask(
                "latencies",
                options=options,
                model=site.model,
                width=site.width,
                batch=batch,
                rounds=rounds,
                times=times,
            )
        yield from _compared(found, batch)
    for name, function, asked in (
        ("onnxruntime-web alone", "firstPlain", {"model": site.model}),
        ("full agent", "firstAgent", {"options": options}),
    ):
        with Tab(context, site) as tab:
            tab.ask(function, width=site.width, **asked)
            yield Figure(f"memory of the page, {name}", tab.ask("memory") / 1e6, "MB")
    context.close()


def _compared(found: dict[str, Any], batch: int) -> Iterator[Figure]:
    for percent in (50, 99):
        us = {
            name: statistics.quantiles(times, n=100)[percent - 1] * 1e3
            for name, times in found.items()
        }
        what = f"batch {batch}, p{percent}"
        peer = f"{us['worker']:.0f} us alone in a worker, {us['page']:.0f} in the page's thread"
        yield Figure(f"{what}: predict", us["agent"], "us", peer=peer)
        target = 25.0 if (batch, percent) == (1, 50) else None
        for name, where in (("page", "in the page's thread"), ("worker", "in a worker")):
            over = max(us["agent"] - us[name], 0.0)  # ours may be the quicker
            yield Figure(f"{what}: over onnxruntime-web {where}", over, "us", target)
