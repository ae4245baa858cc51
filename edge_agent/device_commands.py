"""Commands that a device knows beside those of the core: about its log, and those of plugins.

A package that is installed beside the agent adds a command by an entry point in the group
``edgefleet.commands``; its name is the command's. What it names is called with the arguments by
name, on the agent's thread, so it must be quick, and returns the answer as a text::

    [project.entry-points."edgefleet.commands"]
    blink = "my_device.lamp:blink"
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from edge_agent.core.commands import Action, Done, Moment
from edge_contract.errors import EdgeError, UsageError
from edge_contract.reading import JsonValue

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["PLUGIN_GROUP", "device_commands"]

PLUGIN_GROUP: Final = "edgefleet.commands"

_LEVELS: Final = ("debug", "info", "warning", "error")

_log = logging.getLogger("edgefleet.agent")


def device_commands() -> dict[str, Action]:
    """Return the commands of this device; a plugin that cannot be loaded is logged and left out."""
    from importlib.metadata import entry_points

    found: dict[str, Action] = {"set-log-level": _set_log_level}
    for point in entry_points(group=PLUGIN_GROUP):
        if point.name in found:
            _log.warning("command %r of plugin %s is taken already", point.name, point.value)
            continue
        try:
            found[point.name] = _action_of(point)
        except Exception as error:  # noqa: BLE001  somebody else's package may fail in any way
            _log.warning("plugin %s gives no command %r: %s", point.value, point.name, error)
    return found


def _set_log_level(arguments: Mapping[str, JsonValue], _moment: Moment) -> Done:
    level = arguments.get("level")
    if level not in _LEVELS:
        raise UsageError(
            f"command 'set-log-level' needs level as one of {', '.join(_LEVELS)}, got {level!r}"
        )
    logging.getLogger("edgefleet").setLevel(str(level).upper())
    return Done(f"logging from {level} on")


def _action_of(point: "EntryPoint") -> Action:
    function = point.load()
    if not callable(function):
        raise UsageError(f"{point.value} is a {type(function).__name__} and cannot be called")

    def act(arguments: Mapping[str, JsonValue], _moment: Moment) -> Done:
        try:
            return Done(str(function(**arguments)))
        except EdgeError as error:
            raise UsageError(str(error)) from error
        except Exception as error:
            _log.exception("command %r of plugin %s failed", point.name, point.value)
            raise UsageError(f"{type(error).__name__}: {error}") from error

    return act
