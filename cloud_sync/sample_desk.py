"""The sample desk: takes in what devices were asked for, and hands it to those who label."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from cloud_sync.adapters.sample_folder import SampleFile, SampleFolder, SampleSource
from cloud_sync.backend import NotFoundError
from cloud_sync.conductor import Conductor
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.records import CommandRecord
from cloud_sync.core.sample_tickets import SampleTickets
from cloud_sync.group_desk import Note
from cloud_sync.ports import FleetStore, PackageRepository
from cloud_sync.sample_views import SampleFileView
from edge_contract.errors import MessageError, UsageError
from edge_contract.messages import CommandResult
from edge_contract.samples import CAPTURE, SampleColumn, SampleParcel, sample_columns

__all__ = ["SampleDesk"]

_GRACE_S: Final = 60.0
"""A parcel may be as late after a command is over: the network was slow."""


class SampleDesk:
    """Implements :class:`cloud_sync.sample_views.SampleBook`.

    Args:
        folder: Where samples are kept.
        tickets: Know devices by what they show.
        conductor: Is told what came of commands.
        store: Where commands are.
        packages: The registry.
        note: Writes down what was done.
        hides_devices: Whether pseudonyms stand for devices.
    """

    def __init__(
        self,
        folder: SampleFolder,
        tickets: SampleTickets,
        *,
        conductor: Conductor,
        store: FleetStore,
        packages: PackageRepository,
        note: Note,
        hides_devices: bool,
    ) -> None:
        self._folder = folder
        self._tickets = tickets
        self._conductor = conductor
        self._store = store
        self._packages = packages
        self._note = note
        self._name_of: Callable[[str], str] = tickets.pseudonym if hides_devices else str

    def require_asked(self, command_id: str, device: str, *, ticket: str) -> None:
        """Raise what :meth:`receive` would raise of a device that was not asked."""
        self._asked(command_id, device, ticket)

    def receive(
        self, command_id: str, device: str, *, part: int, ticket: str, data: bytes
    ) -> SampleFileView | None:
        """Take a parcel in; on return it is written."""
        record = self._asked(command_id, device, ticket)
        parcel = SampleParcel.from_bytes(data, self._columns)
        purpose = record.command.arguments.get("purpose")
        if not isinstance(purpose, str) or parcel.purpose != purpose.strip():
            raise UsageError(
                f"samples for {parcel.purpose!r} were not asked for: command {command_id!r} asks "
                f"for {purpose!r}"
            )
        file = None
        if parcel.rows:
            source = SampleSource(self._name_of(device), command_id, part)
            manifest = self._facts(parcel.package).manifest
            file = _view(self._folder.write(parcel, source, manifest))
            self._note(
                f"device {device}",
                "samples.receive",
                file.name,
                {"command": command_id, "rows": len(parcel.rows), "purpose": parcel.purpose},
            )
        if parcel.is_last:
            result = CommandResult(device, command_id, ok=True, detail=parcel.detail)
            self._conductor.order(lambda: self._settle(result))
        return file

    def files(self) -> Sequence[SampleFileView]:
        """Return all files, newest first."""
        return [_view(file) for file in self._folder.files()]

    def path(self, name: str, *, by: str) -> Path:
        """Return the place of a file, for downloading."""
        try:
            path = self._folder.path(name)
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        self._note(by, "samples.read", name, {})
        return path

    def remove(self, name: str, *, by: str) -> None:
        """Remove a file for good."""
        try:
            self._folder.remove(name)
        except UsageError as error:
            raise NotFoundError(str(error)) from error
        self._note(by, "samples.remove", name, {})

    def _asked(self, command_id: str, device: str, ticket: str) -> CommandRecord:
        """Return the command that samples were asked for by; nobody else learns that it exists."""
        is_valid = self._tickets.is_valid(ticket, command_id=command_id, device=device)
        record = self._store.command(command_id) if is_valid else None
        if record is None or record.command.name != CAPTURE or device not in record.devices:
            raise NotFoundError(
                f"device {device!r} was not asked for samples by {command_id!r}, or its ticket is "
                "wrong"
            )
        ends_unix_s = record.command.expires_unix_s + record.timeout_s + _GRACE_S
        if time.time() > ends_unix_s:
            raise UsageError(f"samples of command {command_id!r} come too late: it is over")
        return record

    def _settle(self, result: CommandResult) -> None:
        """Count the parcel as the device's answer: its own, over the broker, may be lost."""
        self._conductor.carry_out(self._conductor.fleet.on_event(result, time.time()))

    def _columns(self, package: str) -> Sequence[SampleColumn]:
        return sample_columns(self._facts(package).manifest)

    def _facts(self, package: str) -> PackageFacts:
        found = self._packages.find(package)
        if found is None:
            raise MessageError(f"samples of package {package!r:.80}, which is not in the registry")
        return found


def _view(file: SampleFile) -> SampleFileView:
    return SampleFileView(file.name, file.model, file.version, file.size_bytes, file.at_unix_s)
