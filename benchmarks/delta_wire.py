"""What a device fetches of whole packages from a real cloud: files as they are, packed, deltas."""

import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from benchmarks.harness import Figure
from cloud_sync.adapters.listening import free_port
from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from converters.base import ConversionWarning
from edge_agent.adapters.compressions import compressions_here
from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.http_source import HttpSource
from edge_contract.delta import Offer
from edge_contract.package import Package
from edgefleet import Cloud
from edgefleet.converting import convert

__all__ = ["wire_figures"]

_PATIENCE_S: Final = 300.0


class _Versions(NamedTuple):
    """Two versions of a model as packages."""

    name: str
    old: Package
    new: Package


def wire_figures(seed: int, *, quick: bool) -> Iterator[Figure]:
    """Push both versions of some models to a cloud and fetch the new one by each way."""
    http_port = free_port("127.0.0.1")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = CloudConfig(
            data=folder / "cloud",
            http_port=http_port,
            mqtt_port=free_port("127.0.0.1", besides=[http_port]),
        )
        url = stack.enter_context(CloudService(config)).url
        cloud = stack.enter_context(Cloud(url, program="benchmark"))
        for number, versions in enumerate(_models(seed, quick=quick)):
            cloud.push(versions.old)
            cloud.push(versions.new)
            blobs = f"{url}/api/v1/blobs"
            _wait_until_made(versions, blobs)
            yield from _fetched(versions, blobs, folder / str(number))


def _wait_until_made(versions: _Versions, blobs: str) -> None:
    names = [compression.name for compression in compressions_here()]
    query = {"have": [versions.old.digest], "with": names}
    ends_s = time.monotonic() + _PATIENCE_S
    while Offer.from_bytes(
        httpx.get(f"{blobs}/{versions.new.digest}/offer", params=query).content
    ).is_growing:
        assert time.monotonic() < ends_s, "deltas are still being made"
        time.sleep(0.1)


def _fetched(versions: _Versions, blobs: str, folder: Path) -> Iterator[Figure]:
    new = versions.new
    files = [new.manifest_bytes, *new.files.values()]
    whole_bytes = sum(map(len, files))
    name = f"package of a {versions.name}"
    yield Figure(f"{name}: files as they are", whole_bytes, "bytes")
    for kind, before in (("compressed alone", ()), ("from the version before", (versions.old,))):
        store = FolderPackages(folder / kind)
        for package in before:
            store.add(package)
        source = HttpSource("127.0.0.1")
        began_s = time.perf_counter()
        source.fetch(new.digest, blobs, store)
        took_s = time.perf_counter() - began_s
        spent = source.spent()
        peer = (
            f"{spent.fetched_bytes / whole_bytes:.1%} of the files, {spent.offer_bytes} of offers"
        )
        yield Figure(f"{name}: {kind}", spent.fetched_bytes, "bytes", peer=peer)
        yield Figure(f"{name}: {kind}, to fetch", took_s, "s", peer="on loopback")


def _models(seed: int, *, quick: bool) -> Iterator[_Versions]:
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = x[order].astype(np.float32) / 16, y[order]
    few = int(0.95 * len(x))
    linear = [LogisticRegression(max_iter=1000).fit(x[:rows], y[:rows]) for rows in (few, len(x))]
    yield _packed("linear model, 5 % more data", linear, x, y)

    network = MLPClassifier((64,) if quick else (512, 256), max_iter=60, random_state=seed)
    before = _converted(network.fit(x[:few], y[:few]), "network", "1.0.0", x, y)
    network.set_params(learning_rate_init=1e-5).partial_fit(x, y)
    after = _converted(network, "network", "1.1.0", x, y)
    yield _Versions("dense network, fine-tuned at a hundredth of the rate", before, after)

    rows, trees = (600, 10) if quick else (4000, 100)
    x, y = make_classification(rows, 20, n_informative=10, random_state=seed)
    x = x.astype(np.float32)
    forest = RandomForestClassifier(trees, random_state=1, warm_start=True).fit(x, y)
    before = _converted(forest, "forest", "1.0.0", x, y)
    forest.set_params(n_estimators=trees + trees // 10).fit(x, y)
    after = _converted(forest, "forest", "1.1.0", x, y)
    yield _Versions("forest, 10 % more trees (warm start)", before, after)


def _packed(
    name: str, fitted: Sequence[BaseEstimator], x: "NDArray[np.generic]", y: "NDArray[np.generic]"
) -> _Versions:
    kind = name.partition(" ")[0]
    old, new = (
        _converted(model, kind, f"1.{number}.0", x, y) for number, model in enumerate(fitted)
    )
    return _Versions(name, old, new)


def _converted(
    model: BaseEstimator,
    name: str,
    version: str,
    x: "NDArray[np.generic]",
    y: "NDArray[np.generic]",
) -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)
        return convert(model, x, y, name=name, version=version)
