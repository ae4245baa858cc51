"""The agent of a web page from Python: for Pyodide, JupyterLite and whatever else runs in a tab.

::

    import edge_agent.browser

    agent = await edge_agent.browser.start("digits", site="/edgefleet/")
    prediction = await agent.predict(rows)
    await agent.label(prediction.id, truths)

The work is done by the same JavaScript that pages use, in workers of its own: this only hands rows
and answers over. ``site`` is a folder that ``edgefleet browser build`` wrote, on the same server as
the page, since browsers start workers from nowhere else.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from edge_contract.errors import EdgeError, PackageError, UnavailableError, UsageError

__all__ = ["BrowserAgent", "Prediction", "start"]


class _JsObject(Protocol):
    """Something of JavaScript's, as Pyodide shows it."""

    def to_py(self) -> dict[str, Any]:
        """Return it as Python's own."""
        ...


class _JsAgent(Protocol):
    """``PageAgent`` of ``src/edgefleet.js``."""

    device: str

    async def predict(self, rows: object) -> _JsObject: ...
    async def label(self, prediction_id: str, truth: object) -> int: ...
    async def status(self) -> _JsObject: ...
    async def describe(self) -> _JsObject: ...
    async def flush(self) -> None: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model said of some rows.

    Attributes:
        id: Give it to :meth:`BrowserAgent.label`.
        model: Which version answered, ``NAME@VERSION``.
        labels: Predicted classes, one per row; ``None`` where the model gives none.
        probabilities: Of each class, row after row; ``None`` where the model gives none.
        values: Predicted numbers; ``None`` for classifiers.
    """

    id: str
    model: str
    labels: Sequence[str | int] | None
    probabilities: Sequence[float] | None
    values: Sequence[float] | None


class BrowserAgent:
    """An agent in workers of this tab; made by :func:`start`."""

    def __init__(self, agent: _JsAgent) -> None:
        self._agent = agent

    @property
    def device(self) -> str:
        """Name of this device in the fleet."""
        return self._agent.device

    async def predict(self, rows: object) -> Prediction:
        """Predict some rows and observe them.

        Args:
            rows: Lists, dicts by the names of features, dicts of columns, numpy arrays or pandas
                tables; one row or many.

        Raises:
            UsageError: They do not fit the model.
            UnavailableError: No version is here yet, or the model failed.
        """
        try:
            found = (await self._agent.predict(_to_js(rows))).to_py()
        except Exception as error:
            raise _own(error) from error
        return Prediction(
            found["id"],
            found["model"],
            found["labels"],
            _numbers(found["probabilities"]),
            _numbers(found["values"]),
        )

    async def label(self, prediction_id: str, truth: object) -> int:
        """Tell what came true; return for how many rows that was not known yet.

        Raises:
            UsageError: It is no class of the model, or not one truth for each row.
        """
        try:
            return await self._agent.label(prediction_id, _to_js(truth))
        except Exception as error:
            raise _own(error) from error

    async def status(self) -> Mapping[str, object]:
        """Return what serves, and what waits to be sent."""
        return (await self._agent.status()).to_py()

    async def describe(self) -> Mapping[str, object]:
        """Return what the model takes and gives, as soon as there is one."""
        try:
            return (await self._agent.describe()).to_py()
        except Exception as error:
            raise _own(error) from error

    async def flush(self) -> None:
        """Save what was counted, and send it if the cloud is there."""
        await self._agent.flush()

    async def close(self) -> None:
        """Save everything, say farewell, and stop."""
        await self._agent.close()


async def start(model: str, *, site: str, **options: object) -> BrowserAgent:
    """Start an agent in this tab; it predicts as soon as a model is here.

    Args:
        model: Name of a model of the fleet.
        site: URL of a folder that ``edgefleet browser build`` wrote, on this page's server.
        options: More of ``createAgent``'s, by their names there: ``cloud="wss://..."``, ``tags``.

    Raises:
        UsageError: An option is wrong, or this is no browser.
    """
    try:
        pyodide = importlib.import_module("pyodide.code")
    except ImportError:
        raise UsageError(
            "edge_agent.browser works in a browser's Python (Pyodide) alone: elsewhere use "
            "edgefleet.Agent"
        ) from None
    load = pyodide.run_js("(url) => import(new URL(url, globalThis.location.href).href)")
    try:
        module = await load(f"{site.rstrip('/')}/src/edgefleet.js")
        return BrowserAgent(await module.createAgent(_to_js({"model": model, **options})))
    except Exception as error:
        raise _own(error) from error


def _to_js(given: object) -> object:
    """Return rows as JavaScript takes them: tables by records, arrays by their numbers."""
    for method, arguments in (("to_dict", ("records",)), ("tolist", ())):
        convert = getattr(given, method, None)
        if convert is not None:
            given = convert(*arguments)
            break
    js, ffi = importlib.import_module("js"), importlib.import_module("pyodide.ffi")
    converted: object = ffi.to_js(given, dict_converter=js.Object.fromEntries)
    return converted


def _numbers(found: object) -> Sequence[float] | None:
    return found.tolist() if isinstance(found, memoryview) else None


def _own(error: Exception) -> Exception:
    """Return what JavaScript threw as one of our errors; anything else as it is."""
    kinds: dict[str, type[EdgeError]] = {
        kind.__name__: kind for kind in (PackageError, UnavailableError, UsageError)
    }
    kind = kinds.get(getattr(error, "name", ""))
    return error if kind is None else kind(str(getattr(error, "message", error)))
