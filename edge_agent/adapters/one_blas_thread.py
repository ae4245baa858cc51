"""Loads numpy with one thread for linear algebra, unless somebody chose otherwise.

numpy's OpenBLAS starts a thread for each core when it is loaded, and all of them wait awake for a
first product of matrices: of a start they take half the processor time, on a device of one core the
time itself. An agent multiplies no matrices; models run in onnxruntime, which has its own threads.

Whoever imported numpy before the agent, or says how many threads there shall be
(``OPENBLAS_NUM_THREADS``, ``OMP_NUM_THREADS``), has them.
"""

import os
import sys
from typing import Final

__all__: list[str] = []

_CHOICE: Final = "OPENBLAS_NUM_THREADS"
_CHOICES: Final = (_CHOICE, "OPENBLAS_DEFAULT_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS")

if "numpy" not in sys.modules and not any(name in os.environ for name in _CHOICES):
    os.environ[_CHOICE] = "1"  # read once, when the library is loaded
    try:
        import numpy  # noqa: F401
    finally:
        del os.environ[_CHOICE]  # processes that the application starts choose for themselves
