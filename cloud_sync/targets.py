"""Whom a rollout is for: a filter of devices, or a group by its name."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.groups import DeviceGroup
from cloud_sync.core.rollout.crowd import TargetTest
from cloud_sync.filter_language import parse_filter
from edge_contract.errors import UsageError

__all__ = ["GROUP", "targeting"]

GROUP: Final = "group:"
"""What a target begins with that names a group: ``group:pilot``."""

_LOOK_AGAIN_S: Final = 10.0


def targeting(groups: Callable[[], Sequence[DeviceGroup]]) -> Callable[[str], TargetTest]:
    """Return what reads targets; a group's devices are looked up again as it changes.

    Args:
        groups: All groups, as they are kept now.
    """

    def read(text: str) -> TargetTest:
        if not text.startswith(GROUP):
            return parse_filter(text).matches
        return _group_test(text.removeprefix(GROUP).strip(), groups)

    return read


def _group_test(name: str, groups: Callable[[], Sequence[DeviceGroup]]) -> TargetTest:
    test, read_s = _test_of(name, groups()), time.monotonic()

    def matches(facts: DeviceFacts) -> bool:
        nonlocal test, read_s
        if time.monotonic() - read_s > _LOOK_AGAIN_S:
            read_s = time.monotonic()
            with suppress(UsageError):  # deleted: whom it meant last is whom it goes on to mean
                test = _test_of(name, groups())
        return test(facts)

    return matches


def _test_of(name: str, groups: Sequence[DeviceGroup]) -> TargetTest:
    for group in groups:
        if group.name == name and group.filter:
            return parse_filter(group.filter).matches
        if group.name == name:
            members = frozenset(group.devices)
            return lambda facts: facts.name in members
    known = ", ".join(group.name for group in groups[:20]) or "none yet"
    raise UsageError(f"there is no group {name!r} (known: {known})")
