"""Reads what Linux says of processor, memory, temperature and battery in its files."""

import os
import time
from pathlib import Path
from typing import Final

from edge_contract.messages import Resources

__all__ = ["ProcMeter"]

_MIB: Final = 2**20
_MILLI: Final = 1000.0


class ProcMeter:
    """A :class:`edge_agent.ports.ResourceMeter` that needs nothing but Linux.

    Args:
        proc: Where the system tells of processes.
        sys: Where it tells of devices.
    """

    def __init__(self, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        self._proc = proc
        self._sys = sys
        self._at_s = time.monotonic()
        self._cpu_s = time.process_time()
        self._ticks = self._read_ticks()

    def process_bytes(self) -> int | None:
        """Return the memory of this process."""
        pages = _text(self._proc / "self" / "statm").split()
        return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") if len(pages) > 1 else None

    def read(self) -> Resources:
        """Return the figures of now; shares are of the time since the last call."""
        before_s, self._at_s = self._at_s, time.monotonic()
        before_cpu_s, self._cpu_s = self._cpu_s, time.process_time()
        passed_s = max(self._at_s - before_s, 1e-6)
        before, self._ticks = self._ticks, self._read_ticks()
        used_bytes, free_bytes = self.process_bytes(), self._free_bytes()
        battery, charging = self._battery()
        return Resources(
            cpu=(self._cpu_s - before_cpu_s) / passed_s,
            load=_busy_share(before, self._ticks),
            memory_mb=None if used_bytes is None else used_bytes / _MIB,
            memory_free_mb=None if free_bytes is None else free_bytes / _MIB,
            temperature_c=self._temperature_c(),
            battery=battery,
            charging=charging,
        )

    def _read_ticks(self) -> list[int]:
        """Return the ticks of all cores by what they were spent on."""
        line = _text(self._proc / "stat").partition("\n")[0].split()
        return [int(word) for word in line[1:9] if word.isdigit()]

    def _free_bytes(self) -> int | None:
        for line in _text(self._proc / "meminfo").splitlines():
            words = line.split()
            if words[:1] == ["MemAvailable:"] and words[1].isdigit():
                return int(words[1]) * 1024
        return None

    def _temperature_c(self) -> float | None:
        paths = (self._sys / "class" / "thermal").glob("thermal_zone*/temp")
        found = [number / _MILLI for path in paths if (number := _whole(path)) is not None]
        return max(found, default=None)

    def _battery(self) -> tuple[float | None, bool | None]:
        full: float | None = None
        charging: bool | None = None
        for supply in sorted((self._sys / "class" / "power_supply").glob("*")):
            match _text(supply / "type").strip():
                case "Battery":
                    percent = _whole(supply / "capacity")
                    full = full if percent is None else percent / 100
                case "Mains" | "USB" if (online := _whole(supply / "online")) is not None:
                    charging = bool(online) or bool(charging)
                case _:
                    pass
        return full, charging


def _busy_share(before: list[int], now: list[int]) -> float | None:
    """Return which share of the ticks was not idle; the fourth and fifth count as idle."""
    if len(before) < 5 or len(before) != len(now):
        return None
    passed = [late - early for early, late in zip(before, now, strict=True)]
    total = sum(passed)
    if total <= 0:
        return None
    return min(max(1.0 - (passed[3] + passed[4]) / total, 0.0), 1.0)


def _text(path: Path) -> str:
    """Return what a file of the system says; nothing where it says nothing."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""


def _whole(path: Path) -> int | None:
    try:
        return int(_text(path))
    except ValueError:
        return None
