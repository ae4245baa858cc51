"""The group desk: groups of devices, and which devices somebody means."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from cloud_sync.backend import NotFoundError
from cloud_sync.core.device_filter import Condition, FilterError, matching
from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.groups import Audience, DeviceGroup
from cloud_sync.filter_language import LONGEST_FILTER, parse_filter
from cloud_sync.operator_views import GroupView
from cloud_sync.ports import GroupStore
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["GroupDesk", "Note"]

_NOTED: Final = 100
"""Devices that a line of the record names at most."""

Note: TypeAlias = Callable[[str, str, str, JsonObject], None]
"""Writes down who did what to which thing, and the details."""


class GroupDesk:
    """Implements :class:`cloud_sync.operator_views.GroupBook`.

    Args:
        store: Where groups are kept.
        devices: What is known of the fleet now.
        note: Writes down what was done.
    """

    def __init__(
        self, store: GroupStore, devices: Callable[[], Mapping[str, DeviceFacts]], note: Note
    ) -> None:
        self._store = store
        self._devices = devices
        self._note = note

    def groups(self) -> Sequence[GroupView]:
        """Return all groups by rising name."""
        return [self._view(group) for group in self._store.groups()]

    def group(self, name: str) -> GroupView:
        """Return one group."""
        return self._view(self._found(name))

    def put(
        self, name: str, *, filter_text: str, devices: Sequence[str], description: str, by: str
    ) -> GroupView:
        """Make a group or change it."""
        if filter_text:
            # written out in full, so that it means the same when the fleet has changed
            filter_text = str(self.condition(filter_text))
            if len(filter_text) > LONGEST_FILTER:
                raise FilterError(
                    f"written out in full the filter of group {name!r} has {len(filter_text)} "
                    f"characters, at most {LONGEST_FILTER} are kept: make two groups of it"
                )
        group = DeviceGroup(
            name=name,
            filter=filter_text,
            devices=tuple(devices),
            description=description,
            changed_unix_s=time.time(),
            by=by,
        )
        self._store.save_group(group)
        listed: JsonValue = list(group.devices[:_NOTED])
        what: JsonObject = {"devices": listed, "size": len(group.devices)}
        self._note(by, "group.put", name, {"filter": group.filter} if group.filter else what)
        return self._view(group)

    def delete(self, name: str, *, by: str) -> None:
        """Forget a group."""
        if not self._store.delete_group(name):
            raise NotFoundError(f"there is no group {name!r}")
        self._note(by, "group.delete", name, {})

    def names_of(self, audience: Audience) -> Sequence[str]:
        """Return the devices of the fleet that an order is for now, by rising name."""
        known = self._devices()
        for device in audience.devices:
            if device not in known:
                raise NotFoundError(f"there is no device {device!r} in the fleet")
        described = None
        if audience.filter:
            described = matching(self.condition(audience.filter), known.values())
        groups = {}
        if audience.group:
            groups[audience.group] = self._members(self._found(audience.group))
        names = audience.of(described=described, groups=groups)
        return sorted(known) if names is None else names

    def condition(self, filter_text: str) -> Condition:
        """Read a filter; facts that any device reports may stand in it by themselves.

        Raises:
            FilterError: It cannot be read.
        """
        try:
            return parse_filter(filter_text)
        except FilterError:  # only now is it worth looking through the whole fleet
            facts = {name for device in self._devices().values() for name in device.facts}
            return parse_filter(filter_text, facts=facts)

    def _found(self, name: str) -> DeviceGroup:
        groups = self._store.groups()
        for group in groups:
            if group.name == name:
                return group
        known = ", ".join(group.name for group in groups[:20]) or "none yet"
        raise NotFoundError(f"there is no group {name!r} (known: {known})")

    def _members(self, group: DeviceGroup) -> Sequence[str]:
        known = self._devices()
        if group.filter:
            return matching(parse_filter(group.filter), known.values())
        return [device for device in group.devices if device in known]

    def _view(self, group: DeviceGroup) -> GroupView:
        return GroupView(
            name=group.name,
            kind="dynamic" if group.filter else "static",
            filter=group.filter,
            devices=group.devices,
            description=group.description,
            size=len(self._members(group)),
            changed_unix_s=group.changed_unix_s,
            by=group.by,
        )
