"""Which devices are in which segments, as the fleet changes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.facts import DeviceFacts
from cloud_sync.core.segments import HARDWARE, OTHER, TAG, Segment
from edge_contract.errors import UsageError

__all__ = ["SegmentIndex", "SegmentRules", "traits_of"]

_FEWEST_VALUES: Final = 2
_FEWEST_DEVICES: Final = 2
_MOST_SEGMENTS: Final = 100
_CPU: Final = "CPU"


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRules:
    """What the operator wants to be looked at by itself.

    Attributes:
        sources: ``tag:NAME`` and ``hardware``. ``None`` takes the class of the hardware and every
            tag that has from 2 to ``max_values`` values, those with the fewest first, up to 100
            segments: a tag with more values, such as a serial number, names devices and no groups.
        max_values: Values of one source that are watched by themselves, the ones that were there
            first; devices with another are the segment ``(other)``.
        min_devices: A segment of fewer devices is not watched. At least 2: that a single device
            differs is said by the ranking of the devices.
    """

    sources: tuple[str, ...] | None = None
    max_values: int = 50
    min_devices: int = _FEWEST_DEVICES

    def __post_init__(self) -> None:
        for source in self.sources or ():
            if source != HARDWARE and (source.removeprefix(TAG) in {"", source} or "=" in source):
                raise UsageError(
                    f"cannot tell devices apart by {source!r}: give 'tag:NAME', such as "
                    f"'tag:site', or {HARDWARE!r}"
                )
        if self.max_values < _FEWEST_VALUES:
            raise UsageError(f"max_values must be at least 2, got {self.max_values}")
        if self.min_devices < _FEWEST_DEVICES:
            raise UsageError(f"a segment has at least 2 devices, got {self.min_devices}")


def traits_of(facts: DeviceFacts) -> dict[str, str]:
    """Return what a device could be told apart by: values by source."""
    traits = {f"{TAG}{name}": value for name, value in facts.tags.items() if "=" not in name}
    machine = facts.facts.get("machine")
    if isinstance(machine, str) and machine:
        providers = (report.provider for report in facts.models.values())
        runs_on = {provider.removesuffix("ExecutionProvider") for provider in providers}
        traits[HARDWARE] = "+".join([machine, *sorted(runs_on - {"", _CPU})])
    return traits


class SegmentIndex:
    """The segments of every device. One thread at a time.

    Args:
        rules: What is looked at by itself.
        devices: As they are known at the start.
    """

    def __init__(self, rules: SegmentRules, devices: Iterable[DeviceFacts] = ()) -> None:
        self.rules = rules
        self._traits: dict[str, dict[str, str]] = {}
        self._devices: dict[str, Counter[str]] = {}
        self._sources: tuple[str, ...] | None = None
        self._known: dict[str, tuple[Segment, ...]] = {}
        self._alike: dict[tuple[str | None, ...], tuple[Segment, ...]] = {}
        self._segments: dict[tuple[str, str], Segment | None] = {}
        for facts in devices:
            self.note(facts)

    def note(self, facts: DeviceFacts) -> None:
        """Take over what a device says of itself now; it counts from its next batch on."""
        before, traits = self._traits.get(facts.name, {}), traits_of(facts)
        if traits == before:
            return
        self._traits[facts.name] = traits
        for source, value in before.items():
            self._devices[source][value] -= 1
            if not self._devices[source][value]:
                del self._devices[source][value]
            if not self._devices[source]:
                del self._devices[source]
        for source, value in traits.items():
            self._devices.setdefault(source, Counter())[value] += 1
        self._sources = None
        self._known.clear()
        self._alike.clear()
        self._segments.clear()

    def of(self, device: str) -> tuple[Segment, ...]:
        """Return the segments that a device is in now, rising; none if it is unknown."""
        found = self._known.get(device)
        if found is None:
            traits = self._traits.get(device, {})
            values = tuple(traits.get(source) for source in self._watched_sources())
            found = self._alike.get(values)
            if found is None:  # thousands of devices are told apart by a few values
                found = self._alike[values] = self._segments_of(values)
            self._known[device] = found
        return found

    def members(self) -> dict[Segment, frozenset[str]]:
        """Return every watched segment with its devices."""
        found: dict[Segment, set[str]] = {}
        for device in self._traits:
            for segment in self.of(device):
                found.setdefault(segment, set()).add(device)
        return {segment: frozenset(found[segment]) for segment in sorted(found)}

    def devices_of(self, segment: Segment) -> frozenset[str]:
        """Return the devices of one segment; none if it is not watched."""
        return frozenset(device for device in self._traits if segment in self.of(device))

    def left_out(self) -> Mapping[str, int]:
        """Return the sources with too many values, and how many values are in none of their own."""
        return {
            source: len(values) - len(self._kept(source))
            for source in self._asked_sources()
            if len(values := self._devices.get(source, Counter())) > self.rules.max_values
        }

    def _segments_of(self, values: Iterable[str | None]) -> tuple[Segment, ...]:
        """Return the segments of a device with these values of the watched sources, rising."""
        segments = (
            self._watched(source, value)
            for source, value in zip(self._watched_sources(), values, strict=True)
            if value is not None
        )
        return tuple(sorted(segment for segment in segments if segment is not None))

    def _watched_sources(self) -> tuple[str, ...]:
        if self._sources is None:
            asked = self._asked_sources()
            sizes = {source: len(self._devices.get(source, ())) for source in asked}
            fit = [source for source in asked if sizes[source] >= _FEWEST_VALUES]
            if self.rules.sources is None:
                fit = [source for source in fit if sizes[source] <= self.rules.max_values]
                fit = _fitting(sorted(fit, key=lambda source: (sizes[source], source)), sizes)
            self._sources = tuple(fit)
        return self._sources

    def _asked_sources(self) -> list[str]:
        return list(self.rules.sources) if self.rules.sources is not None else list(self._devices)

    def _watched(self, source: str, value: str) -> Segment | None:
        """Return the segment of a value; ``None`` if it has too few devices to be watched."""
        if (source, value) not in self._segments:
            segment = Segment(source, value if value in self._kept(source) else OTHER)
            is_large = self._size(segment) >= self.rules.min_devices
            self._segments[source, value] = segment if is_large else None
        return self._segments[source, value]

    def _kept(self, source: str) -> list[str]:
        return list(self._devices.get(source, ()))[: self.rules.max_values]

    def _size(self, segment: Segment) -> int:
        values = self._devices[segment.source]
        if segment.value in values:
            return values[segment.value]
        return sum(values.values()) - sum(values[value] for value in self._kept(segment.source))


def _fitting(sources: list[str], sizes: Mapping[str, int]) -> list[str]:
    total, fitting = 0, []
    for source in sources:
        total += sizes[source]
        if total <= _MOST_SEGMENTS:
            fitting.append(source)
    return fitting
