"""What a program asks the cloud about its fleet: devices, groups, alarms and commands."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cloud_sync.api.json_views import view_from_json
from cloud_sync.backend import (
    AlarmView,
    CommandDeviceView,
    CommandView,
    DeviceView,
    GroupView,
    PinView,
    SummaryView,
)
from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject, JsonValue
from edgefleet.connection import ApiConnection, segment_of
from edgefleet.waiting import poll

__all__ = ["FleetCalls"]

_PAGE: Final = 500
_GRACE_S: Final = 5.0


class FleetCalls:
    """Part of :class:`edgefleet.Cloud`."""

    _api: ApiConnection

    def summary(self) -> SummaryView:
        """Return the fleet in numbers."""
        return view_from_json(SummaryView, self._api.get("summary"))

    def devices(
        self,
        *,
        status: str = "",
        filter: str = "",  # noqa: A002  as in the API
        group: str = "",
    ) -> list[DeviceView]:
        """Return all devices by rising name.

        Args:
            status: Only those that are ``online``, ``offline`` or ``unreachable``.
            filter: Only those that it describes: ``tag.site == "oslo" and memory_mb >= 512``.
            group: Only those in this group.
        """
        found: list[DeviceView] = []
        after = ""
        while True:
            page = self._api.get(
                "devices", status=status, filter=filter, group=group, after=after, limit=_PAGE
            )
            found.extend(view_from_json(DeviceView, item) for item in page["items"].items())
            if page["next"].is_null:
                return found
            after = page["next"].text()

    def device(self, name: str) -> DeviceView:
        """Return one device."""
        return view_from_json(DeviceView, self._api.get(f"devices/{segment_of(name)}"))

    def alarms(self, *, model: str = "", limit: int = 100) -> list[AlarmView]:
        """Return alarms, newest first."""
        items = self._api.get("alarms", model=model, limit=limit)["items"].items()
        return [view_from_json(AlarmView, item) for item in items]

    def alarm(self, alarm_id: str) -> AlarmView:
        """Return one alarm."""
        return view_from_json(AlarmView, self._api.get(f"alarms/{segment_of(alarm_id)}"))

    def acknowledge_alarm(self, alarm_id: str, *, note: str = "") -> AlarmView:
        """Say that you look after an alarm; everybody sees who does, since when and the note."""
        path = f"alarms/{segment_of(alarm_id)}/acknowledge"
        return view_from_json(AlarmView, self._api.post(path, {"note": note}))

    # Groups.

    def groups(self) -> list[GroupView]:
        """Return all groups of devices by rising name."""
        items = self._api.get("groups")["items"].items()
        return [view_from_json(GroupView, item) for item in items]

    def group(self, name: str) -> GroupView:
        """Return one group."""
        return view_from_json(GroupView, self._api.get(f"groups/{segment_of(name)}"))

    def set_group(
        self,
        name: str,
        *,
        filter: str = "",  # noqa: A002  as in the API
        devices: Sequence[str] = (),
        description: str = "",
    ) -> GroupView:
        """Make a group or change it.

        Args:
            name: Of the group.
            filter: Describes its devices, which come and go as what is known of them changes.
            devices: Its devices, in place of a filter.
            description: For people.
        """
        order: JsonObject = {
            "filter": filter,
            "devices": list(devices),
            "description": description,
        }
        return view_from_json(GroupView, self._api.put(f"groups/{segment_of(name)}", order))

    def delete_group(self, name: str) -> None:
        """Forget a group; its devices stay what they are."""
        self._api.delete(f"groups/{segment_of(name)}")

    # Pins.

    def pin(
        self,
        model: str,
        version: str,
        *,
        devices: Sequence[str] = (),
        group: str = "",
        filter: str = "",  # noqa: A002  as in the API
    ) -> PinView:
        """Hold devices to a version of a model, whatever rollouts want; empty lets them go.

        Args:
            model: Its name.
            version: Which one.
            devices: Names.
            group: Of devices.
            filter: Describes devices.
        """
        order: JsonObject = {
            "model": model,
            "version": version or None,
            "devices": list(devices),
            "group": group or None,
            "filter": filter,
        }
        return view_from_json(PinView, self._api.post("pins", order))

    # Commands.

    def send(
        self,
        name: str,
        *,
        devices: Sequence[str] = (),
        group: str = "",
        filter: str = "",  # noqa: A002  as in the API
        arguments: Mapping[str, JsonValue] | None = None,
        expires_s: float = 60.0,
        timeout_s: float = 60.0,
    ) -> CommandView:
        """Send a command to devices: to those that are named, in the group and described.

        Without any of that it goes to all. Who joins later does not get it.

        Args:
            name: What to do: ``ping``, ``report``, ``set-interval``, ...
            devices: Names.
            group: Of devices.
            filter: Describes devices.
            arguments: Of the command.
            expires_s: How long it may be taken up.
            timeout_s: How long after that a device that took it up may take for the result.
        """
        order: JsonObject = {
            "name": name,
            "devices": list(devices),
            "group": group or None,
            "filter": filter,
            "arguments": dict(arguments or {}),
            "expires_s": expires_s,
            "timeout_s": timeout_s,
        }
        return view_from_json(CommandView, self._api.post("commands", order))

    def commands(self, *, limit: int = 100) -> list[CommandView]:
        """Return commands in numbers, newest first."""
        items = self._api.get("commands", limit=limit)["items"].items()
        return [view_from_json(CommandView, item) for item in items]

    def command(self, command_id: str, *, brief: bool = False) -> CommandView:
        """Return a command and the answers so far, or in numbers alone."""
        path = f"commands/{segment_of(command_id)}"
        answer = self._api.get(path, brief="true") if brief else self._api.get(path)
        return view_from_json(CommandView, answer)

    def command_devices(self, command_id: str, *, state: str = "") -> list[CommandDeviceView]:
        """Return where a command stands on its devices, by rising name.

        Args:
            command_id: Of the command.
            state: Only where it is ``waiting``, ``accepted``, ``done``, ``failed`` or
                ``timed_out``.
        """
        found: list[CommandDeviceView] = []
        after = ""
        path = f"commands/{segment_of(command_id)}/devices"
        while True:
            page = self._api.get(path, state=state, after=after, limit=_PAGE)
            found.extend(view_from_json(CommandDeviceView, item) for item in page["items"].items())
            if page["next"].is_null:
                return found
            after = page["next"].text()

    def wait_for_command(
        self, command_id: str, *, on_change: Callable[[CommandView], None] | None = None
    ) -> CommandView:
        """Return a command when nothing more will come of it; the cloud may restart meanwhile.

        Args:
            command_id: Of the command.
            on_change: Called with the command in numbers, at first and whenever they change.
        """
        command = self.command(command_id, brief=True)
        poll(
            lambda: self.command(command_id, brief=True),
            until=lambda view: view.state == "finished" or not _is_open(view),
            timeout_s=command.expires_unix_s
            - command.created_unix_s
            + command.timeout_s
            + _GRACE_S,
            on_change=on_change,
        )
        return self.command(command_id)


def _is_open(view: CommandView) -> bool:
    counts = view.counts
    if not counts:
        raise UsageError("this cloud is too old to say how far a command is: upgrade it")
    return counts.get("waiting", 0) + counts.get("accepted", 0) > 0
