"""Maintenance windows of rollouts, and by which clock on the wall they go."""

from collections.abc import Mapping
from typing import Final

from edge_contract.errors import UsageError
from edge_contract.maintenance import MaintenanceWindow
from edge_contract.package.strata import StrataKind, StrataSpec
from edge_contract.reading import JsonValue

__all__ = ["ZONE", "checked_window", "checked_zone", "zone_of"]

ZONE: Final = "time_zone"
"""The tag or fact of a device that names its time zone: ``Europe/Oslo``."""


def checked_window(text: str) -> str:
    """Return a window as plans keep it; raises ``UsageError`` if it is written otherwise."""
    try:
        return str(MaintenanceWindow.parse(text))
    except UsageError as error:
        last = text.rpartition(" ")[2]
        if "/" not in last and last.upper() != "UTC":
            raise
        raise UsageError(
            f"{error}, without {last!r}: it goes by the clock of each device, "
            "and by the plan's time_zone where a device names none"
        ) from error


def checked_zone(name: str) -> str:
    """Return the name of a time zone.

    Raises:
        UsageError: There is no such time zone.
        UnavailableError: This machine has no time zone database.
    """
    StrataSpec(StrataKind.HOUR_OF_DAY, name).zone()
    return name


def zone_of(tags: Mapping[str, str], facts: Mapping[str, JsonValue], *, default: str) -> str:
    """Return the time zone of a device: its tag, else what it says of itself, else the default.

    A zone that nobody knows counts as none: one device with a typing error stops no rollout.
    """
    fact = facts.get(ZONE)
    for zone in (tags.get(ZONE), fact if isinstance(fact, str) else None):
        if zone:
            try:
                return checked_zone(zone)
            except UsageError:
                continue
    return default
