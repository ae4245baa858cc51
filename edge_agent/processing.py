"""What a package's plugins do before and after its model, on this device."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from edge_agent.adapters.values import RowError
from edge_contract.errors import EdgeError, PackageError, UnavailableError, UsageError
from edge_contract.plugins import POST_GROUP, PRE_GROUP, plugin

if TYPE_CHECKING:
    from edge_agent.adapters.inputs import Rows
    from edge_agent.prediction import Prediction
    from edge_contract.package import Processing

__all__ = ["NO_HOOKS", "Hooks", "hooks_of"]


_MOST_TRIED: Final = 10_000


class Hooks(NamedTuple):
    """Functions of plugins, ready to be called.

    Attributes:
        pre: Makes the model's rows of the caller's; raises ``UsageError`` where the plugin fails.
        post: Makes a result of a prediction; raises ``UnavailableError`` where the plugin fails.
    """

    pre: "Callable[[Rows], Rows] | None" = None
    post: "Callable[[Prediction], object] | None" = None


NO_HOOKS: Final = Hooks()


def hooks_of(processing: "Processing", *, model: str) -> Hooks:
    """Return what a package asks for.

    Raises:
        PackageError: A plugin is not installed here, or is no function.
    """
    return Hooks(
        _pre(processing.pre, _function(PRE_GROUP, processing.pre, model)),
        _post(processing.post, _function(POST_GROUP, processing.post, model)),
    )


def _function(group: str, name: str, model: str) -> Callable[..., object] | None:
    if not name:
        return None
    found = plugin(group, name)
    if found is None:
        raise PackageError(
            f"package {model} needs the plugin {name!r} ({group}), which is not installed here: "
            "install the Python package that has it"
        )
    if not callable(found):
        raise PackageError(
            f"plugin {name!r} ({group}) is a {type(found).__name__} and cannot be called"
        )
    return found


def _pre(name: str, function: Callable[..., object] | None) -> "Callable[[Rows], Rows] | None":
    if function is None:
        return None

    def pre(rows: "Rows") -> "Rows":
        try:
            return function(rows)  # type: ignore[return-value]  # whatever it is, it is checked next
        except EdgeError:
            raise
        except Exception as error:
            row = _failing_row(function, rows)
            where = "these rows" if row is None else "it"
            text = f"preprocessing {name!r} failed on {where}: {type(error).__name__}: {error}"
            raise (UsageError(text) if row is None else RowError(row, text)) from error

    return pre


def _failing_row(function: Callable[..., object], rows: "Rows") -> int | None:
    """Return the first of many rows that a function fails on alone; ``None`` if it is not so."""
    some: object = rows
    if not isinstance(some, (np.ndarray, list, tuple)) or not 1 < len(some) <= _MOST_TRIED:
        return None
    for number in range(len(some)):
        try:
            function(some[number : number + 1])
        except Exception:  # noqa: BLE001  somebody else's code may fail in any way
            return number
    return None


def _post(
    name: str, function: Callable[..., object] | None
) -> "Callable[[Prediction], object] | None":
    if function is None:
        return None

    def post(prediction: "Prediction") -> object:
        try:
            return function(prediction)
        except EdgeError:
            raise
        except Exception as error:
            raise UnavailableError(
                f"postprocessing {name!r} of {prediction.model} failed: "
                f"{type(error).__name__}: {error}"
            ) from error

    return post
