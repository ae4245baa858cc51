"""What this machine allows: found out before anything starts."""

import os
import sys
from pathlib import Path
from typing import Final

from edge_contract.errors import UsageError

__all__ = ["allow_files", "check_files", "check_ports", "processes_for"]

_SPARE_FILES: Final = 128
_BROKER_FILES: Final = 1_000
_DEVICES_EACH: Final = 1_500
_PORT_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def processes_for(devices: int, wished: int) -> int:
    """Return how many processes share the devices; 0 leaves it to us."""
    if wished:
        return min(wished, devices)
    return max(1, min(os.cpu_count() or 1, -(-devices // _DEVICES_EACH)))


def check_files(devices: int, *, processes: int, with_broker: bool) -> None:
    """Raise ``UsageError`` if a process may not open as many files as it will need.

    Args:
        devices: Of all processes.
        processes: That share them.
        with_broker: Whether a broker for all of them runs here, too.
    """
    hard = _hard_limit()
    if hard is None:
        return
    each = -(-devices // processes) + _SPARE_FILES
    if each > hard:
        raise UsageError(
            f"each of {processes} processes needs {each} open files, one per device, and this "
            f"user's limit is {hard}: raise it with `ulimit -Hn {each}` as root, take more "
            "--processes or fewer --devices"
        )
    if with_broker and devices + _BROKER_FILES > hard:
        raise UsageError(
            f"the broker needs {devices + _BROKER_FILES} open files for {devices} devices, and "
            f"this user's limit is {hard}: raise it with `ulimit -Hn {devices + _BROKER_FILES}` "
            "as root, take fewer --devices, or a --cloud on another machine"
        )


def check_ports(devices: int, host: str) -> None:
    """Raise ``UsageError`` if this machine has fewer ports than devices connect from."""
    try:
        low, high = map(int, _PORT_RANGE.read_text().split())
    except (OSError, ValueError):
        return  # another system, which has its own say
    if devices > high - low + 1:
        raise UsageError(
            f"{devices} devices need as many ports towards {host}, and this machine gives out "
            f"{high - low + 1}: widen net.ipv4.ip_local_port_range, or take fewer --devices"
        )


def allow_files() -> None:
    """Let this process, and those that it starts, open as many files as the system allows."""
    if sys.platform != "win32":
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _hard_limit() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return None if hard == resource.RLIM_INFINITY else hard
