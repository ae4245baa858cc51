"""Commands: does each one once, in time, and answers it."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from edge_agent.core.effects import Effect, SendEvent
from edge_agent.core.wording import fitting
from edge_contract.errors import UsageError
from edge_contract.messages import Command, CommandResult
from edge_contract.reading import JsonValue

__all__ = ["Action", "Commands", "Done", "Moment"]

_NAME: Final = "[a-z][a-z0-9-]{0,63}"
_REMEMBERED: Final = 100
_MOST_CHARACTERS: Final = 8000
"""Of an answer; the cloud reads 10,000."""


class Moment(NamedTuple):
    """When a command came, by both clocks."""

    now_s: float
    at_unix_s: float


class Done(NamedTuple):
    """What a command leads to.

    Attributes:
        answer: For people.
        effects: Carried out before the answer is sent.
        final: Whether that is all; else the answer says that the command was taken up.
    """

    answer: str
    effects: Sequence[Effect] = ()
    final: bool = True


Action: TypeAlias = Callable[[Mapping[str, JsonValue], Moment], Done]
"""Does a command with its arguments; raises ``UsageError`` to refuse it."""


class Commands:
    """The commands that a device knows.

    Args:
        device: Name of the device.
        actions: What to do, by the command's name.
        more: Gives more of them; called once, when a command comes that is not in ``actions``.
    """

    def __init__(
        self,
        device: str,
        actions: Mapping[str, Action],
        more: Callable[[], Mapping[str, Action]] = dict,
    ) -> None:
        self._device = device
        self._actions = actions
        self._more: Callable[[], Mapping[str, Action]] | None = more
        self._answers: dict[str, CommandResult] = {}

    def add(self, name: str, action: Action) -> None:
        """Know one more command; raises ``UsageError`` if its name is none, or is taken."""
        if re.fullmatch(_NAME, name) is None:
            raise UsageError(
                f"command {name!r:.80} is not allowed: use lower-case letters, digits and '-', "
                "beginning with a letter"
            )
        self._load_more()
        if name in self._actions:
            raise UsageError(f"command {name!r} is taken: choose another name")
        self._actions = {**self._actions, name: action}

    def on_command(self, command: Command, moment: Moment) -> list[Effect]:
        """Do a command and answer it; one that came before is answered again, and done no more.

        The cloud repeats what was not answered, so its answer must have been lost.
        """
        known = self._answers.get(command.command_id)
        if known is not None:
            return [SendEvent(known)]
        try:
            done, ok = self._done(command, moment), True
        except UsageError as error:
            done, ok = Done(str(error)), False
        answer = fitting(done.answer, most=_MOST_CHARACTERS)
        result = CommandResult(self._device, command.command_id, ok, answer, done.final)
        self._answers[command.command_id] = result
        while len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return [*done.effects, SendEvent(result)]

    def finish(self, command_id: str, *, ok: bool, answer: str) -> list[Effect]:
        """Tell what came of a command that was only taken up; nothing if it was forgotten."""
        taken_up = self._answers.get(command_id)
        if taken_up is None or taken_up.final:
            return []
        answer = fitting(answer, most=_MOST_CHARACTERS)
        result = self._answers[command_id] = CommandResult(self._device, command_id, ok, answer)
        return [SendEvent(result)]

    def _done(self, command: Command, moment: Moment) -> Done:
        if moment.at_unix_s > command.expires_unix_s:
            late_s = moment.at_unix_s - command.expires_unix_s
            raise UsageError(
                f"expired before it arrived: {late_s:.0f} s ago by this device's clock; "
                "set that clock if it is wrong"
            )
        if command.name not in self._actions:
            self._load_more()
        action = self._actions.get(command.name)
        if action is None:
            known = ", ".join(self._actions)
            raise UsageError(f"command {command.name!r} is unknown (known: {known})")
        return action(command.arguments, moment)

    def _load_more(self) -> None:
        if self._more is not None:
            self._actions = {**self._more(), **self._actions}
            self._more = None
