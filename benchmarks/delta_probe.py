"""Makes and applies one delta in a process of its own, to see what time and memory it takes.

``python -m benchmarks.delta_probe OLD NEW METHOD`` prints a JSON object; memory only on Linux.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Delta, Method, apply_delta, make_delta
from edge_contract.package import digest_of

__all__ = ["main"]

_STATUS: Final = Path("/proc/self/status")
_CLEAR: Final = Path("/proc/self/clear_refs")
_RESET_PEAK: Final = "5"
_APPLIED_TIMES: Final = 5


def main() -> None:
    """Measure what the command line names."""
    old, new = (Path(name).read_bytes() for name in sys.argv[1:3])
    method = Method[sys.argv[3]]
    zstd = Zstd()
    digest = digest_of(new)
    made: list[Delta] = []

    def make() -> None:
        made.append(make_delta(old, new, compression=zstd, methods=[method]))

    def apply() -> None:
        apply_delta(old, made[0], digest=digest, max_bytes=len(new), compressions=(zstd,))

    make_s, make_bytes = _measured(make)
    apply_s, apply_bytes = _measured(apply)
    again_s = [_measured(apply)[0] for _ in range(_APPLIED_TIMES - 1)]
    answer = {
        "size_bytes": len(made[0].to_bytes()),
        "make_s": make_s,
        "make_bytes": make_bytes,
        "apply_s": statistics.median([apply_s, *again_s]),
        "apply_bytes": apply_bytes,
    }
    print(json.dumps(answer))


def _measured(call: Callable[[], None]) -> tuple[float, int | None]:
    """Return the seconds of a call, and by how much the memory in use rose within it."""
    if _CLEAR.exists():
        _CLEAR.write_text(_RESET_PEAK)
    before = _status_bytes("VmRSS")
    began_s = time.perf_counter()
    call()
    spent_s = time.perf_counter() - began_s
    peak = _status_bytes("VmHWM")
    return spent_s, None if peak is None or before is None else max(peak - before, 0)


def _status_bytes(name: str) -> int | None:
    if not _STATUS.exists():
        return None
    lines = _STATUS.read_text().splitlines()
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name)), None)


if __name__ == "__main__":
    main()
