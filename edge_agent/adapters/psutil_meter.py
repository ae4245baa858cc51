"""Asks psutil for processor, memory, temperature and battery, on systems other than Linux."""

from types import ModuleType
from typing import Final

from edge_contract.messages import Resources

__all__ = ["PsutilMeter"]

_MIB: Final = 2**20


class PsutilMeter:
    """A :class:`edge_agent.ports.ResourceMeter` for every system that psutil knows.

    Args:
        psutil: The module.
    """

    def __init__(self, psutil: ModuleType) -> None:
        self._psutil = psutil
        self._process = psutil.Process()
        self._process.cpu_percent()  # shares are of the time since the last call
        psutil.cpu_percent()

    def process_bytes(self) -> int | None:
        """Return the memory of this process."""
        return int(self._process.memory_info().rss)

    def read(self) -> Resources:
        """Return the figures of now; shares are of the time since the last call."""
        battery, charging = self._battery()
        return Resources(
            cpu=self._process.cpu_percent() / 100,
            load=self._psutil.cpu_percent() / 100,
            memory_mb=self._process.memory_info().rss / _MIB,
            memory_free_mb=self._psutil.virtual_memory().available / _MIB,
            temperature_c=self._temperature_c(),
            battery=battery,
            charging=charging,
        )

    def _temperature_c(self) -> float | None:
        if not hasattr(self._psutil, "sensors_temperatures"):  # only Linux and FreeBSD
            return None
        sensors = self._psutil.sensors_temperatures().values()
        found = [float(one.current) for group in sensors for one in group if one.current]
        return max(found, default=None)

    def _battery(self) -> tuple[float | None, bool | None]:
        found = self._psutil.sensors_battery() if hasattr(self._psutil, "sensors_battery") else None
        return (None, None) if found is None else (found.percent / 100, found.power_plugged)
