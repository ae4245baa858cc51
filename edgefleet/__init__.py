"""Runs trained models on edge devices and in browsers, and keeps them healthy from the cloud.

::

    import edgefleet

    package = edgefleet.convert(model, X, y, name="digits", version="1.0.0")
    cloud = edgefleet.Cloud("http://127.0.0.1:8080")
    cloud.push(package)
    agent = edgefleet.Agent("digits", cloud="mqtt://127.0.0.1:1883")
    prediction = agent.predict(rows)

Each of the three comes with an extra of its own (``convert``, ``cloud``, ``agent``) and is imported
when it is first used, so that a device needs no scikit-learn and an author no broker.
"""

from typing import TYPE_CHECKING

from edge_contract.errors import (
    EdgeError,
    MessageError,
    PackageError,
    PeerError,
    UnavailableError,
    UsageError,
)

if TYPE_CHECKING:
    from edge_agent.agent import Agent
    from edge_agent.prediction import Prediction
    from edgefleet.client import Cloud
    from edgefleet.converting import convert

__all__ = [
    "Agent",
    "Cloud",
    "EdgeError",
    "MessageError",
    "PackageError",
    "PeerError",
    "Prediction",
    "UnavailableError",
    "UsageError",
    "convert",
]


def __getattr__(name: str) -> object:
    """Import a part at its first use; say which extra it needs if that is missing."""
    homes = {
        "Agent": ("edge_agent.agent", "agent"),
        "Prediction": ("edge_agent.prediction", "agent"),
        "Cloud": ("edgefleet.client", "cloud"),
        "convert": ("edgefleet.converting", "convert"),
    }
    if name not in homes:
        raise AttributeError(f"module 'edgefleet' has no attribute {name!r}")
    module, extra = homes[name]
    import gc
    import importlib

    # What modules make stays: going through it again and again takes a tenth of a start, and so
    # does going through it once as soon as the collector is on again.
    is_collecting = gc.isenabled()
    gc.disable()
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("edge_agent", "edgefleet", "converters"):
            raise
        raise ModuleNotFoundError(
            f"edgefleet.{name} needs {error.name!r}: pip install 'edgefleet[{extra}]'",
            name=error.name,
        ) from error
    finally:
        if is_collecting:
            if not gc.get_freeze_count():  # an application that froze its objects keeps them so
                gc.freeze()
                gc.unfreeze()  # both together count all there is as old, without a look at it
            gc.enable()
