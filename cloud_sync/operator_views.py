"""Views of what operators do: groups, commands, tokens, and the record of it all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cloud_sync.core.access import Identity, Role, Scope
from cloud_sync.core.groups import Audience
from edge_contract.reading import JsonObject, JsonValue

__all__ = [
    "AccessBook",
    "AnswerView",
    "AuditView",
    "CommandDeviceView",
    "CommandView",
    "Commands",
    "GroupBook",
    "GroupView",
    "NewTokenView",
    "PinView",
    "TokenView",
]


@dataclass(frozen=True, slots=True)
class GroupView:
    """A group of devices: those that ``filter`` describes, or those that ``devices`` lists.

    ``kind`` is dynamic or static; ``size`` is how many devices of the fleet are in it now.
    """

    name: str
    kind: str
    filter: str
    devices: Sequence[str]
    description: str
    size: int
    changed_unix_s: float
    by: str


@dataclass(frozen=True, slots=True)
class CommandView:
    """A command and how far it is.

    ``state`` is running or finished. ``counts`` has the number of devices by where the command
    stands on them: waiting, accepted, done, failed, timed_out. ``results`` has the answers by
    device; it and ``devices`` are empty where only the numbers were asked for.
    """

    command_id: str
    name: str
    arguments: JsonObject
    created_unix_s: float
    expires_unix_s: float
    devices: Sequence[str]
    results: Mapping[str, JsonObject]
    counts: Mapping[str, int] = field(default_factory=dict)
    state: str = ""
    audience: str = ""
    by: str = ""
    timeout_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CommandDeviceView:
    """Where a command stands on one device, and what the device says."""

    device: str
    state: str
    detail: str


@dataclass(frozen=True, slots=True)
class PinView:
    """Devices that are held to a version of a model; an empty version let them go."""

    model: str
    version: str
    devices: Sequence[str]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What one device answered to a command, and when."""

    command_id: str
    name: str
    state: str
    detail: str
    at_unix_s: float


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token of the API; its secret is known to nobody but its owner.

    ``state`` is valid, expired or revoked; ``scopes`` are the parts of the API that it is held to,
    none for all of it.
    """

    token_id: str
    label: str
    role: str
    scopes: Sequence[str]
    state: str
    created_unix_s: float
    expires_unix_s: float | None
    revoked_unix_s: float | None
    by: str


@dataclass(frozen=True, slots=True)
class NewTokenView:
    """A token that was just made: ``secret`` is shown this once and kept nowhere."""

    token: TokenView
    secret: str


@dataclass(frozen=True, slots=True)
class AuditView:
    """Who did what, and when. Never changed, never removed; ``number`` rises."""

    number: int
    at_unix_s: float
    by: str
    action: str
    subject: str
    detail: JsonObject


class GroupBook(Protocol):
    """Groups of devices, and whom an order is for. Thread-safe."""

    def groups(self) -> Sequence[GroupView]:
        """Return all groups by rising name."""
        ...

    def group(self, name: str) -> GroupView:
        """Return one group; raises ``NotFoundError``."""
        ...

    def put(
        self, name: str, *, filter_text: str, devices: Sequence[str], description: str, by: str
    ) -> GroupView:
        """Make a group or change it.

        Raises:
            FilterError: The filter cannot be read.
            UsageError: It has both a filter and devices, or neither.
        """
        ...

    def delete(self, name: str, *, by: str) -> None:
        """Forget a group; raises ``NotFoundError``."""
        ...

    def names_of(self, audience: Audience) -> Sequence[str]:
        """Return the devices of the fleet that an order is for now, by rising name.

        Raises:
            NotFoundError: A device or the group is unknown.
            FilterError: The filter cannot be read.
        """
        ...


class Commands(Protocol):
    """Commands to devices. Thread-safe; a command that is unknown is a ``NotFoundError``."""

    def send(
        self,
        name: str,
        arguments: Mapping[str, JsonValue],
        *,
        audience: Audience,
        expires_s: float,
        timeout_s: float,
        by: str,
    ) -> CommandView:
        """Send a command to devices.

        Args:
            name: What to do.
            arguments: Of the command.
            audience: To whom; who joins later does not get it.
            expires_s: How long it may be taken up.
            timeout_s: How long after that a device that took it up may take for the result.
            by: Who orders it.

        Raises:
            FilterError: The filter of the audience cannot be read.
            UsageError: Nobody is in the audience.
        """
        ...

    def commands(self, *, limit: int = 100, after: str = "") -> Sequence[CommandView]:
        """Return commands in numbers, newest first, from the first one past ``after``."""
        ...

    def command(self, command_id: str, *, brief: bool = False) -> CommandView:
        """Return a command and its answers, or in numbers alone if that is enough."""
        ...

    def devices(
        self, command_id: str, *, state: str = "", after: str = "", limit: int = 100
    ) -> Sequence[CommandDeviceView]:
        """Return where a command stands on its devices by rising name, past ``after``."""
        ...

    def answers_of(self, device: str, *, limit: int = 10) -> Sequence[AnswerView]:
        """Return what a device answered to commands, newest first."""
        ...


class AccessBook(Protocol):
    """Tokens of the API. Thread-safe."""

    @property
    def is_open(self) -> bool:
        """Whether nobody is asked for a token, because there is none."""
        ...

    def identify(self, token: str) -> Identity | None:
        """Return whose token this is; ``None`` if it is wrong, expired or revoked."""
        ...

    def tokens(self) -> Sequence[TokenView]:
        """Return all tokens, the oldest first."""
        ...

    def create(
        self,
        label: str,
        *,
        role: Role,
        expires_s: float | None,
        by: str,
        scopes: frozenset[Scope] = frozenset(),
    ) -> NewTokenView:
        """Make a token; with ``scopes`` it is held to these parts of the API.

        Raises:
            UsageError: The label cannot be printed, or the first token is not an admin's.
        """
        ...

    def revoke(self, token_id: str, *, by: str) -> TokenView:
        """End a token.

        Raises:
            NotFoundError: There is no such token.
            UsageError: Nobody could give tokens any more.
        """
        ...
