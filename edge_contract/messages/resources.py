"""Resources: what an agent and its device have and use, as far as the system says."""

from collections.abc import Mapping
from typing import Self

from edge_contract.reading import JsonValue, Reader
from edge_contract.records import dataclass

__all__ = ["Resources", "resources_in"]

_MOST = 1e9
_NUMBERS = (
    "cpu",
    "load",
    "memory_mb",
    "memory_free_mb",
    "temperature_c",
    "battery",
    "disk_mb",
    "disk_free_mb",
)


@dataclass(frozen=True, slots=True)
class Resources:
    """Figures of one moment; ``None`` where the system does not offer one.

    Attributes:
        cpu: Processor cores that the agent's process kept busy on average since the last report.
        load: Share of all cores that was busy meanwhile, from 0 to 1.
        memory_mb: Memory of the agent's process in MiB.
        memory_free_mb: What the device could still give away.
        temperature_c: Of the hottest sensor.
        battery: How full it is, from 0 to 1.
        charging: Whether the device has power from outside.
        disk_mb: What the agent keeps on disk.
        disk_free_mb: What is left there.
    """

    cpu: float | None = None
    load: float | None = None
    memory_mb: float | None = None
    memory_free_mb: float | None = None
    temperature_c: float | None = None
    battery: float | None = None
    charging: bool | None = None
    disk_mb: float | None = None
    disk_free_mb: float | None = None

    def in_words(self) -> dict[str, str]:
        """Return what is known, for people: ``{"temperature": "48.5 °C"}``."""
        power = "" if self.charging is None else ", charging" if self.charging else ", in use"
        found = {
            "processor": _with_unit(self.cpu, " cores for the agent", ".2f"),
            "load": _with_unit(self.load, " of all cores", ".0%"),
            "memory": _with_unit(self.memory_mb, " MiB for the agent", ".0f"),
            "free memory": _with_unit(self.memory_free_mb, " MiB", ",.0f"),
            "temperature": _with_unit(self.temperature_c, " °C", ".1f"),
            "battery": _with_unit(self.battery, power, ".0%"),
            "disk": _with_unit(self.disk_mb, " MiB for the agent", ".1f"),
            "free disk": _with_unit(self.disk_free_mb, " MiB", ",.0f"),
        }
        return {name: text for name, text in found.items() if text}

    def to_list(self) -> list[JsonValue]:
        """Return the fields by position, rounded to what people read."""
        return [
            _rounded(self.cpu, 3),
            _rounded(self.load, 2),
            _rounded(self.memory_mb, 1),
            _rounded(self.memory_free_mb, 0),
            _rounded(self.temperature_c, 1),
            _rounded(self.battery, 2),
            self.charging,
            _rounded(self.disk_mb, 1),
            _rounded(self.disk_free_mb, 0),
        ]

    @classmethod
    def from_reader(cls, reader: Reader) -> Self:
        """Read the fields; ones that an older device does not send are unknown."""
        charging = reader.get(6)
        return cls(
            cpu=_number(reader.get(0)),
            load=_number(reader.get(1)),
            memory_mb=_number(reader.get(2)),
            memory_free_mb=_number(reader.get(3)),
            temperature_c=_number(reader.get(4), low=-_MOST),
            battery=_number(reader.get(5)),
            charging=None if charging is None or charging.is_null else charging.flag(),
            disk_mb=_number(reader.get(7)),
            disk_free_mb=_number(reader.get(8)),
        )


def resources_in(figures: object) -> Resources:
    """Return the resources in a JSON object, by name; what is no figure in it is not known."""
    found = figures if isinstance(figures, Mapping) else {}
    numbers = {name: _figure(found.get(name)) for name in _NUMBERS}
    charging = found.get("charging")
    return Resources(**numbers, charging=charging if isinstance(charging, bool) else None)


def _figure(value: object) -> float | None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_number else None  # type: ignore[arg-type]


def _rounded(value: float | None, digits: int) -> float | None:
    if value is None:
        return None
    return round(float(value), digits) if digits else round(value)


def _with_unit(value: float | None, unit: str, form: str) -> str:
    return "" if value is None else f"{value:{form}}{unit}"


def _number(reader: Reader | None, *, low: float = 0.0) -> float | None:
    return None if reader is None or reader.is_null else reader.number(low=low, high=_MOST)
