"""The environment of processes that run our own code."""

import os
from pathlib import Path
from typing import Final

__all__ = ["own_environment"]

_ROOT: Final = Path(__file__).parents[2]


def own_environment() -> dict[str, str]:
    """Return ours, changed so that a new Python finds this very code and works on one core."""
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join(filter(None, (str(_ROOT), before)))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
