"""Where groups of devices are kept."""

from typing import Protocol

from cloud_sync.core.groups import DeviceGroup

__all__ = ["GroupStore"]


class GroupStore(Protocol):
    """Groups that operators made."""

    def save_group(self, group: DeviceGroup) -> None:
        """Keep a group, in place of an earlier one of its name."""
        ...

    def delete_group(self, name: str) -> bool:
        """Forget a group; return whether there was one."""
        ...

    def groups(self) -> list[DeviceGroup]:
        """Return all groups by rising name."""
        ...
