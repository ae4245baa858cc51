"""Tells in words what a batch of telemetry says, field by field."""

import time
from collections.abc import Callable, Iterator
from typing import Final

from edge_contract.messages import TelemetryBatch, WindowEntry
from edge_contract.package import Manifest, Reference, profile_specs
from edge_contract.stats import ProfileSpec

__all__ = ["KINDS", "explained"]

KINDS: Final = {
    "agreement": "how often both versions answered alike, and how far their scores lay apart",
    "categories": "how often each category that the package lists came, and how many values were "
    "none of them, with a salted hash of 23 bits for the number of different ones",
    "class_probabilities": "how often each class was predicted with which probability",
    "joint": "sums of products of standardised columns: how they move together",
    "labels": "how many predictions were right and wrong, by class and by probability",
    "moments": "mean, variance, smallest and largest value",
    "probabilities": "how often which probability was predicted",
    "sketch": "how many values fell into which range, and how many were zero, missing or infinite",
    "vectors": "mean and spread of the model's embeddings",
}
"""What each kind of statistic says of the rows, by its name on the wire."""

Packages = Callable[[str], tuple[Manifest, Reference] | None]
"""Finds a package by digest."""


def explained(batch: TelemetryBatch, size_bytes: int, packages: Packages) -> Iterator[str]:
    """Return the lines of an explanation.

    Args:
        batch: What left the device.
        size_bytes: How large it was.
        packages: Finds the packages that it is about; one that is gone is told by its digest.
    """
    name = batch.batch_id
    yield (
        f"Batch number {name.seq} of life {name.boot} of device {name.device}: {size_bytes} bytes."
    )
    if batch.span > 1:
        yield f"It stands for {batch.span} batches that were merged before they were sent."
    if batch.lost_rows:
        yield f"Statistics of {batch.lost_rows} rows before it had to be forgotten."
    for entry in batch.entries:
        yield ""
        yield from _window(entry, packages(entry.package))
    yield ""
    yield "There is no row in it, no text and no picture: only these counts."


def _window(entry: WindowEntry, package: tuple[Manifest, Reference] | None) -> Iterator[str]:
    counters = entry.counters
    model = entry.package if package is None else package[0].reference
    yield (
        f"From {_clock(entry.start_unix_s)} to {_clock(entry.end_unix_s)}, {model}, "
        f"{_ROLES.get(entry.role, entry.role)}:"
    )
    yield (
        f"  {counters.rows} rows in {counters.calls} calls, {counters.failures} failures, "
        f"{counters.dropped} dropped"
    )
    if package is None:
        yield f"  {len(entry.profile)} statistics; the package is not here any more to name them"
        return
    spec = profile_specs(*package).get(entry.role, ProfileSpec(()))
    for index, state in sorted(entry.profile.items()):
        column = spec.columns[index]
        count = column.spec.decode(state).count
        words = KINDS.get(column.spec.kind, f"statistics of kind {column.spec.kind}, of a plugin")
        yield f"  {column.subject}: {words} ({count} observations)"


_ROLES: Final = {
    "primary": "which served",
    "shadow": "which was compared in the shadow",
    "labels": "truths that arrived",
}


def _clock(unix_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(unix_s))
