"""Groups of devices that an operator gave a name, and the audience of an order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.names import checked_name

__all__ = ["MOST_MEMBERS", "Audience", "DeviceGroup"]

MOST_MEMBERS: Final = 100_000
_LONGEST_DESCRIPTION: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceGroup:
    """A name for some devices: those that a filter describes now, or those that are listed.

    Attributes:
        name: Of the group.
        filter: Describes its devices; empty for a group whose devices are listed.
        devices: Listed, by rising name; a device may be listed before it ever connected.
        description: For people.
        changed_unix_s: When it was made or changed last.
        by: By whom.

    Raises:
        UsageError: A name is not allowed, or it has both a filter and a list, or neither.
    """

    name: str
    filter: str = ""
    devices: tuple[str, ...] = ()
    description: str = ""
    changed_unix_s: float = 0.0
    by: str = ""

    def __post_init__(self) -> None:
        checked_name(self.name, "group")
        if bool(self.filter) == bool(self.devices):
            found = "both" if self.filter else "neither"
            raise UsageError(
                f"group {self.name!r} needs a filter or a list of devices, got {found}"
            )
        for device in self.devices:
            checked_name(device, "device")
        if len(self.devices) > MOST_MEMBERS:
            raise UsageError(
                f"a group lists at most {MOST_MEMBERS} devices, got {len(self.devices)}: give the "
                "devices a tag and make a group of a filter"
            )
        if any(letter == "\x00" or "\ud800" <= letter <= "\udfff" for letter in self.description):
            raise UsageError(f"description {self.description!r} holds what is no letter")
        if len(self.description) > _LONGEST_DESCRIPTION:
            raise UsageError(
                f"a description has at most {_LONGEST_DESCRIPTION} characters, "
                f"got {len(self.description)}"
            )
        object.__setattr__(self, "devices", tuple(sorted(set(self.devices))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Whom an order is for: devices that are named, in a group and described, all of it at once.

    Attributes:
        devices: Names; empty for any device.
        group: Name of a group; empty for any device.
        filter: Describes devices; empty for any device.
    """

    devices: tuple[str, ...] = ()
    group: str = ""
    filter: str = ""

    @property
    def title(self) -> str:
        """How people call it: ``group pilot where cpus > 2``, ``cam-1 and 2 more``."""
        named = sorted(set(self.devices))
        parts = []
        if named:
            more = f" and {len(named) - 1} more" if len(named) > 1 else ""
            parts.append(f"{named[0]}{more}")
        if self.group:
            parts.append(f"group {self.group}")
        text = ", in ".join(parts) or "all devices"
        return f"{text} where {self.filter}" if self.filter else text

    def of(
        self, *, described: Iterable[str] | None, groups: Mapping[str, Iterable[str]]
    ) -> list[str] | None:
        """Return the devices, rising; ``None`` for all.

        Args:
            described: Devices that the filter describes; ``None`` without one.
            groups: Devices of the groups that are known.
        """
        parts: list[Iterable[str]] = []
        if self.devices:
            parts.append(self.devices)
        if self.group:
            parts.append(groups[self.group])
        if described is not None:
            parts.append(described)
        if not parts:
            return None
        return sorted(set(parts[0]).intersection(*parts[1:]))
