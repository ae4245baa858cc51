"""Commands that a device knows beside those of the core: about its process, and of plugins.

A package that is installed beside the agent adds a command by an entry point in the group
``edgefleet.commands``; its name is the command's. What it names is called with the arguments by
name, on the agent's thread, so it must be quick, and returns the answer as a text::

    [project.entry-points."edgefleet.commands"]
    blink = "my_device.lamp:blink"
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from edge_agent import restarting
from edge_agent.core.commands import Action, Done, Moment
from edge_agent.log_tail import MOST_LINES, LogTail
from edge_contract.errors import EdgeError, UsageError
from edge_contract.reading import JsonValue
from edge_contract.samples import CAPTURE

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["PLUGIN_GROUP", "action_by", "device_commands"]

PLUGIN_GROUP: Final = "edgefleet.commands"

_MOST_CHARACTERS: Final = 8000
_RENEW_TIMEOUT_S: Final = 5.0  # the agent's thread waits for it
_LEVELS: Final = ("debug", "info", "warning", "error")

_log = logging.getLogger("edgefleet.agent")


class Samples(Protocol):
    """Hands samples over, see :class:`edge_agent.samples.keeper.SampleKeeper`."""

    def capture(self, arguments: Mapping[str, JsonValue]) -> int:
        """Begin to hand over what a command asks for, and return how many samples there are.

        Raises:
            UsageError: The owner of the device has not allowed it, or an argument is wrong.
        """
        ...


def device_commands(
    log: LogTail | None = None,
    *,
    life: int = 0,
    state: Path | None = None,
    samples: Samples | None = None,
) -> dict[str, Action]:
    """Return the commands of this device; a plugin that cannot be loaded is logged and left out.

    Args:
        log: The last lines of its log, if they are kept.
        life: Number of its present life.
        state: The state folder, where the device's credential lies; ``None`` for none.
        samples: Hands them over, if the owner of the device allows that.
    """
    from importlib.metadata import entry_points

    found: dict[str, Action] = {
        "set-log-level": _set_log_level,
        "collect-logs": partial(_collect_logs, log),
        "restart": partial(_restart, life),
        "renew-credential": partial(_renew_credential, state),
        CAPTURE: partial(_capture_samples, samples),
    }
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


def _collect_logs(log: LogTail | None, arguments: Mapping[str, JsonValue], _moment: Moment) -> Done:
    lines = arguments.get("lines", 100)
    if isinstance(lines, bool) or not isinstance(lines, int) or not 1 <= lines <= MOST_LINES:
        raise UsageError(
            f"command 'collect-logs' needs lines from 1 to {MOST_LINES}, got {lines!r}"
        )
    if log is None:
        raise UsageError("no log is kept here")
    return Done(log.last(lines, most_characters=_MOST_CHARACTERS) or "nothing was logged yet")


def _restart(life: int, arguments: Mapping[str, JsonValue], _moment: Moment) -> Done:
    """Restart, unless this life came of it already: the cloud repeats what was not answered."""
    if arguments.get("life", life) != life:
        return Done("runs again")
    restarting.request()
    return Done("restarting", final=False)


def _renew_credential(
    state: Path | None, _arguments: Mapping[str, JsonValue], _moment: Moment
) -> Done:
    """Get another password: it counts from the next connection on, the old one for a day."""
    from edge_agent.identity import identity_in

    if state is None or identity_in(state) is None:
        raise UsageError("this device has not joined: it has no credential to renew")
    from edge_agent.joining import renew

    try:
        renew(state, timeout_s=_RENEW_TIMEOUT_S)
    except EdgeError as error:
        raise UsageError(str(error)) from error
    return Done("has a new password")


def _capture_samples(
    samples: Samples | None, arguments: Mapping[str, JsonValue], _moment: Moment
) -> Done:
    """Hand over rows that were kept, where the owner of the device allows it."""
    purpose = arguments.get("purpose")
    if not isinstance(purpose, str) or not purpose.strip():
        raise UsageError(f"command {CAPTURE!r} needs a purpose, which is recorded")
    if samples is None:
        raise UsageError(
            "this device has not opted in to samples: no row of it is kept or leaves it"
        )
    count = samples.capture(arguments)
    if not count:
        return Done("no sample that fits has been kept")
    return Done(f"{count} samples are on their way", final=False)


def _action_of(point: "EntryPoint") -> Action:
    function = point.load()
    if not callable(function):
        raise UsageError(f"{point.value} is a {type(function).__name__} and cannot be called")
    return action_by(function, f"{point.name!r} of plugin {point.value}")


def action_by(function: Callable[..., object], name: str) -> Action:
    """Return what calls a function with a command's arguments by name, and answers what it returns.

    Args:
        function: May raise anything, which is then the answer.
        name: Of the command and where it is from, for the log.
    """

    def act(arguments: Mapping[str, JsonValue], _moment: Moment) -> Done:
        try:
            return Done(str(function(**arguments)))
        except EdgeError as error:
            raise UsageError(str(error)) from error
        except Exception as error:
            _log.exception("command %s failed", name)
            raise UsageError(f"{type(error).__name__}: {error}") from error

    return act
