"""Tries a package in a process of its own: ``python -m edge_agent.trial MEMORY_BYTES CPU_S``.

Reads the one-file form of a package from standard input, makes a session of each of its models and
runs their golden vectors. What looking at the file cannot tell (sizes that come out of a
calculation, loops that wait for a number that never comes, a defect of the runtime) then ends this
process and not the one that serves. Prints one line that says why a package is refused.

Exit codes: 0 it ran; 3 it is refused. Any other says that it could not be tried.
"""

import os
import sys
from contextlib import suppress
from typing import Final

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.golden_check import check_golden
from edge_contract.errors import EdgeError, PackageError
from edge_contract.package import Package

__all__ = ["REFUSED", "main"]

REFUSED: Final = 3
_LOWEST: Final = 19


def main(arguments: list[str]) -> int:
    """Try the package that comes in, and return the exit code."""
    memory_bytes, cpu_s = (int(argument) for argument in arguments)
    _limit(memory_bytes, cpu_s)
    try:
        package = Package.from_archive(sys.stdin.buffer.read())
        _try(package)
    except EdgeError as error:
        reason = str(error)
    except MemoryError:
        reason = f"it needs more than the {memory_bytes / 2**20:,.0f} MiB that a trial may take"
    else:
        return 0
    sys.stdout.write(f"{reason}\n")
    return REFUSED


def _try(package: Package) -> None:
    engine = OnnxRuntimeEngine(threads=1)
    check_golden(package, engine.load(package))
    for model in package.manifest.models[1:]:
        meant = package.of_variant(model.variant)
        with suppress(PackageError):  # an agent passes over a variant that does not do here
            check_golden(meant, engine.load(meant))


def _limit(memory_bytes: int, cpu_s: int) -> None:
    """Have the system end us, or refuse us memory, when we take too much."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(_LOWEST)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    if sys.platform == "linux":  # macOS takes the limit and does not hold to it
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
