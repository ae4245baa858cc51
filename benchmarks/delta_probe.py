"""Makes or applies one delta in a process of its own, to see what time and memory it takes.

``python -m benchmarks.delta_probe make OLD NEW DELTA METHOD`` writes ``DELTA``, and
``python -m benchmarks.delta_probe apply OLD NEW DELTA`` makes ``NEW`` of it; both print a JSON
object. What one of them leaves in its heap does not help the other. Memory only on Linux.
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
    verb, *names = sys.argv[1:]
    old, new, delta, *method = names
    if verb == "make":
        answer = _made(Path(old), Path(new), Path(delta), Method[method[0]])
    else:
        answer = _applied(Path(old), Path(new), Path(delta))
    print(json.dumps(answer))


def _made(old: Path, new: Path, delta: Path, method: Method) -> dict[str, float | None]:
    before, after = old.read_bytes(), new.read_bytes()
    made: list[Delta] = []
    zstd = Zstd()

    def make() -> None:
        made.append(make_delta(before, after, compression=zstd, methods=[method]))

    took_s, memory_bytes = _measured(make)
    size_bytes = delta.write_bytes(made[0].to_bytes())
    return {"size_bytes": size_bytes, "s": took_s, "memory_bytes": memory_bytes}


def _applied(old: Path, new: Path, delta: Path) -> dict[str, float | None]:
    """Apply a delta; the old file and the delta are in memory before, and are not counted."""
    before, sent = old.read_bytes(), Delta.from_bytes(delta.read_bytes())
    digest, size_bytes = digest_of(new.read_bytes()), new.stat().st_size
    zstd = Zstd()

    def apply() -> None:
        apply_delta(before, sent, digest=digest, max_bytes=size_bytes, compressions=(zstd,))

    took_s, memory_bytes = _measured(apply)
    again_s = [_measured(apply)[0] for _ in range(_APPLIED_TIMES - 1)]
    return {"s": statistics.median([took_s, *again_s]), "memory_bytes": memory_bytes}


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
