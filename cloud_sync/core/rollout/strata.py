"""Strata: like is compared with like, by class of hardware and by the groups that tags make.

A canary that happens to hold all old cameras would lose against a control of new ones. Within a
stratum candidate and control differ by the version alone; the control's strata are then weighted as
the candidate's are (direct standardisation).
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.segment_index import traits_of
from cloud_sync.core.segments import HARDWARE, TAG

__all__ = ["Stratum", "strata_of"]

_MOST: Final = 8
_KEPT: Final = 0.9
_POOLED: Final = "all others"


@dataclass(frozen=True, slots=True)
class Stratum:
    """Devices that have the same hardware and are in the same groups.

    Attributes:
        title: What they have in common, for people.
        mine: Those of the stage.
        others: Those of the control.
    """

    title: str
    mine: frozenset[str]
    others: frozenset[str]


def strata_of(
    members: Collection[str], others: Collection[str], devices: Mapping[str, DeviceFacts]
) -> list[Stratum]:
    """Return the strata, at most eight and one for the rest; none where there is only one.

    Hardware comes first, then tags with few values, as long as there are not too many combinations
    and nine of ten devices of the stage keep a counterpart: a serial number makes no group. What is
    on one side only is compared with all the rest of the other side without a counterpart, and with
    the whole control if there is no such rest; control devices without a counterpart are left out.

    Args:
        members: Devices of the stage.
        others: Devices of the control.
        devices: What is known of them.
    """
    traits = {name: traits_of(devices[name]) for name in (*members, *others) if name in devices}
    keys = _keys(traits, members, others)
    cells: dict[tuple[str, ...], tuple[set[str], set[str]]] = {}
    for side, names in enumerate((members, others)):
        for name in names:
            if name in keys:
                cells.setdefault(keys[name], (set(), set()))[side].add(name)
    both = {key: pair for key, pair in cells.items() if pair[0] and pair[1]}
    lone = frozenset(name for key in cells.keys() - both.keys() for name in cells[key][0])
    if len(both) + bool(lone) < 2:
        return []
    found = [
        Stratum(", ".join(filter(None, key)), frozenset(mine), frozenset(theirs))
        for key, (mine, theirs) in sorted(both.items())
    ]
    if lone:
        rest = frozenset(name for key in cells.keys() - both.keys() for name in cells[key][1])
        found.append(Stratum(_POOLED, lone, rest or frozenset(others)))
    return found


def _keys(
    traits: Mapping[str, Mapping[str, str]], members: Collection[str], others: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Return the combination of traits by which each device is told apart."""
    values: dict[str, Counter[str]] = {}
    for own in traits.values():
        for source, value in own.items():
            values.setdefault(source, Counter())[value] += 1
    usable = [source for source, seen in values.items() if 2 <= len(seen) <= _MOST]
    usable.sort(key=lambda source: (source != HARDWARE, len(values[source]), source))
    keys: dict[str, tuple[str, ...]] = dict.fromkeys(traits, ())
    for source in usable:
        title = source.removeprefix(TAG)
        finer = {
            name: (*keys[name], f"{title}={own[source]}" if source in own else "")
            for name, own in traits.items()
        }
        kept = _with_counterpart(finer, members, others)
        enough = source == HARDWARE or kept >= _KEPT * _with_counterpart(keys, members, others)
        if len(set(finer.values())) <= _MOST and enough:
            keys = finer
    return keys


def _with_counterpart(
    keys: Mapping[str, tuple[str, ...]], members: Collection[str], others: Collection[str]
) -> int:
    """Return how many devices of the stage have one of the control that is like them."""
    there = {keys[name] for name in others if name in keys}
    return sum(keys[name] in there for name in members if name in keys)
