"""Whether a device can run a package at all, by what it says of itself.

What a device does not say is no objection: it will find out itself, and reject what it cannot run.
"""

from collections.abc import Mapping
from typing import Final

from cloud_sync.core.facts import DeviceFacts, PackageFacts
from edge_contract.package import Artifact
from edge_contract.reading import JsonValue

__all__ = ["objection"]

_ROOM: Final = 3.0
"""A model takes so many times the room of its file while it is loaded."""

_OPSETS: Final[Mapping[tuple[int, int], int]] = {
    (1, 10): 15, (1, 11): 16, (1, 12): 17, (1, 13): 17, (1, 14): 18, (1, 15): 19, (1, 16): 19,
    (1, 17): 20, (1, 18): 21, (1, 19): 21, (1, 20): 21, (1, 21): 22, (1, 22): 23, (1, 23): 23,
}  # fmt: skip
"""Newest operator set by version of onnxruntime, as its compatibility table has them."""


def objection(package: PackageFacts, facts: DeviceFacts) -> str:
    """Return why no variant of a package can run on a device; empty if one may."""
    models = package.manifest.models
    reasons = [_objection(model, facts.facts) for model in models]
    return reasons[0] if reasons and all(reasons) else ""


def _objection(model: Artifact, facts: Mapping[str, JsonValue]) -> str:
    memory_mb = facts.get("memory_mb")
    needed_mb = _ROOM * model.size / 2**20
    if isinstance(memory_mb, int | float) and needed_mb > memory_mb:
        return f"needs about {needed_mb:.0f} MB of memory, has {memory_mb:.0f}"
    providers = facts.get("providers")
    if isinstance(providers, list) and providers and model.providers:
        offered = {str(name) for name in providers}
        if not offered & set(model.providers):
            return f"has none of the providers {', '.join(model.providers)}"
    needed, newest = model.opsets.get(""), _newest_opset(facts.get("onnxruntime"))
    if isinstance(needed, int) and newest is not None and needed > newest:
        return (
            f"onnxruntime {facts.get('onnxruntime')} reads opset {newest}, the model has {needed}"
        )
    return ""


def _newest_opset(version: JsonValue) -> int | None:
    if not isinstance(version, str):
        return None
    parts = version.split(".")
    if len(parts) < 2 or not (parts[0].isdecimal() and parts[1].isdecimal()):
        return None
    release = (int(parts[0]), int(parts[1]))
    return 14 if release < (1, 10) else _OPSETS.get(release)
