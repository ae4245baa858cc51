"""Makes deltas in a process of its own, which gives its memory back when it ends.

Usage: ``python -m cloud_sync.adapters.delta_child MAX_MEMORY_BYTES``. One JSON object a line comes
in, with the paths ``old`` (or empty), ``new`` and ``out``, and ``compression``; one goes out, with
the ``size`` of what was written, or the ``error``. It ends with its standard input.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cloud_sync.adapters.compressions import compressions_here
from edge_contract.delta import Delta, Method, apply_delta, make_delta
from edge_contract.errors import EdgeError, UnavailableError
from edge_contract.package import digest_of

__all__ = ["made", "main"]

_NICENESS: Final = 15


def made(old: bytes, new: bytes, *, compression: str) -> bytes:
    """Return a delta that was tried: applied to ``old`` it gives ``new``.

    Args:
        old: What devices have; empty if they need nothing.
        new: What they shall have.
        compression: By its name.

    Raises:
        UnavailableError: There is no such compression here.
        PackageError: The delta does not give the file back.
    """
    chosen = {known.name: known for known in compressions_here()}.get(compression)
    if chosen is None:
        raise UnavailableError(f"compression {compression!r} is not installed here")
    methods = [Method.PATCH, Method.TENSOR] if old else [Method.FULL]
    sent = make_delta(old, new, compression=chosen, methods=methods).to_bytes()
    apply_delta(
        old,
        Delta.from_bytes(sent),
        digest=digest_of(new),
        max_bytes=len(new),
        compressions=(chosen,),
    )
    return sent


def main() -> None:
    """Answer line by line."""
    _stay_small(int(sys.argv[1]))
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), flush=True)  # noqa: T201


def _answer(asked: Mapping[str, str]) -> dict[str, object]:
    try:
        old = Path(asked["old"]).read_bytes() if asked["old"] else b""
        new = Path(asked["new"]).read_bytes()
        sent = made(old, new, compression=asked["compression"])
        Path(asked["out"]).write_bytes(sent)
    except MemoryError:
        return {"error": "no memory is left"}
    except (EdgeError, OSError) as error:
        return {"error": str(error)}
    return {"size": len(sent)}


def _stay_small(max_memory_bytes: int) -> None:
    """Leave processor and memory to the cloud, where the system knows such limits."""
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICENESS)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound = max_memory_bytes if hard == resource.RLIM_INFINITY else min(max_memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


if __name__ == "__main__":
    main()
