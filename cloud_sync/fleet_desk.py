"""The fleet desk: writes down what happens to devices, then tells them what is wanted of them."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from cloud_sync.core.fleet_effects import (
    FleetEffect,
    PublishDesired,
    SaveCommand,
    SaveDevice,
    SaveResult,
    SendCommand,
)
from cloud_sync.core.records import CommandRecord
from cloud_sync.core.twin import DeviceTwin
from cloud_sync.ports import FleetLink, FleetStore
from edge_contract.messages import Command, CommandResult, FleetTopics, encode

__all__ = ["Dress", "FleetDesk", "as_it_is"]

Dress: TypeAlias = Callable[[str, Command], Command]
"""Makes a command what one device gets."""


def as_it_is(_device: str, command: Command) -> Command:
    """Return a command unchanged."""
    return command


class FleetDesk:
    """Carries out what the fleet asks for. Used by the conductor's thread.

    Args:
        topics: Of the fleet.
        store: Where twins and commands are kept.
        link: To the broker.
        dress: Makes a command what one device gets.
    """

    def __init__(
        self, topics: FleetTopics, store: FleetStore, link: FleetLink, dress: Dress = as_it_is
    ) -> None:
        self._dress = dress
        self._topics = topics
        self._store = store
        self._link = link
        self._twins: dict[str, DeviceTwin] = {}
        self._commands: dict[str, CommandRecord] = {}
        self._results: dict[tuple[str, str], tuple[CommandResult, float]] = {}

    def carry_out(self, effects: Iterable[FleetEffect]) -> bool:
        """Save first, then send; return whether anything was saved.

        What cannot be saved is kept for the next time, and what would have been sent is left out:
        the fleet repeats it until it is heard.

        Raises:
            UnavailableError: It cannot be saved now.
        """
        effects = list(effects)
        for effect in effects:
            self._note(effect)
        is_saved = self._save()
        for effect in effects:
            self._send(effect)
        return is_saved

    def _note(self, effect: FleetEffect) -> None:
        match effect:
            case SaveDevice(twin):
                self._twins[twin.name] = twin
            case SaveCommand(record):
                self._commands[record.command.command_id] = record
            case SaveResult(result, at_unix_s):
                self._results[result.command_id, result.device] = (result, at_unix_s)
            case PublishDesired() | SendCommand():
                pass  # sent later

    def _save(self) -> bool:
        if not (self._twins or self._commands or self._results):
            return False
        self._store.save_fleet(
            twins=list(self._twins.values()),
            commands=list(self._commands.values()),
            results=list(self._results.values()),
        )
        self._twins.clear()
        self._commands.clear()
        self._results.clear()
        return True

    def _send(self, effect: FleetEffect) -> None:
        match effect:
            case PublishDesired(device, state):
                topic = self._topics.device(device).desired
                self._link.publish(topic, encode(state), retain=True)
            case SendCommand(device, command):
                dressed = self._dress(device, command)
                self._link.publish(self._topics.device(device).commands, encode(dressed))
            case SaveDevice() | SaveCommand() | SaveResult():
                pass  # saved before
