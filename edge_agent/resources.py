"""What an agent and its device have and use, and how much the agent may take."""

import contextlib
import importlib
import platform
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from edge_agent.adapters.proc_meter import ProcMeter
from edge_agent.adapters.psutil_meter import PsutilMeter
from edge_agent.ports import ResourceMeter
from edge_contract.messages import Resources

__all__ = ["Vitals", "folder_bytes", "meter_here"]

_MIB: Final = 2**20


def meter_here() -> ResourceMeter:
    """Return what measures this device: Linux's own files, or psutil where it is installed."""
    if platform.system() == "Linux":
        return ProcMeter()
    try:
        return PsutilMeter(importlib.import_module("psutil"))
    except ImportError:
        return _NoMeter()


class Vitals:
    """Measures the device, and what the agent keeps on its disk.

    Args:
        meter: Measures processor, memory and sensors.
        folder: Of the agent's state.
    """

    def __init__(self, meter: ResourceMeter, folder: Path) -> None:
        self._meter = meter
        self._folder = folder

    def read(self) -> Resources:
        """Return the figures of now."""
        free_mb: float | None = None
        with contextlib.suppress(OSError):
            import shutil  # see :func:`edge_agent.adapters.durable_files.remove_folder`

            free_mb = shutil.disk_usage(self._folder).free / _MIB
        used_mb = folder_bytes(self._folder) / _MIB
        return replace(self._meter.read(), disk_mb=used_mb, disk_free_mb=free_mb)


def folder_bytes(folder: Path) -> int:
    """Return the size of all files in a folder; ones that vanish meanwhile count nothing."""
    return sum(_sizes(folder))


def _sizes(folder: Path) -> Iterator[int]:
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file():
                yield path.stat().st_size


class _NoMeter:
    """A system that tells nothing, and has no psutil."""

    def process_bytes(self) -> int | None:
        """Return that nobody knows."""
        return None

    def read(self) -> Resources:
        """Return that nothing is known."""
        return Resources()
