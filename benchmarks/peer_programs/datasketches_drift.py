"""Apache DataSketches: one KLL sketch per feature, k = 200.

    python datasketches_drift.py ROWS.npy

Answers ``{"do": "update", "batch": 32, "rows": 4096}`` with seconds, ``{"do": "window", "rows":
600}`` with the bytes of a compressed window and seconds of a merge, and ``{"do": "ranks"}`` with
the largest error of a quantile's rank over all rows.
"""

import json
import sys
import time
import zlib
from collections.abc import Callable

import datasketches  # type: ignore[import-not-found]
import numpy as np

_K = 200
_ROWS = np.load(sys.argv[1])
_WIDTH = _ROWS.shape[1]
_SHARES = np.arange(1, 100) / 100


def update(batch: int, rows: int) -> dict[str, float]:
    # New ones each time: they compact now and then, which each answer must have its share of.
    sketches = datasketches.vector_of_kll_floats_sketches(_K, _WIDTH)
    blocks = [_ROWS[first : first + batch] for first in range(0, rows, batch)]
    if batch == 1:
        blocks = blocks[:256] * (rows // len(blocks[:256]))  # a caller's row is in the cache
    began_s = time.perf_counter()
    for block in blocks:
        sketches.update(block)
    return {"seconds": time.perf_counter() - began_s}


def window(rows: int) -> dict[str, float]:
    first, second = (datasketches.vector_of_kll_floats_sketches(_K, _WIDTH) for _ in range(2))
    first.update(_ROWS[:rows])
    second.update(_ROWS[rows : 2 * rows])
    size = len(zlib.compress(b"".join(first.serialize()), 6))
    began_s = time.perf_counter()
    first.merge(second)
    return {"bytes": size, "seconds": time.perf_counter() - began_s}


def ranks() -> dict[str, float]:
    sketches = datasketches.vector_of_kll_floats_sketches(_K, _WIDTH)
    sketches.update(_ROWS)
    worst = 0.0
    for column, values in zip(_ROWS.T, sketches.get_quantiles(_SHARES), strict=True):
        ordered = np.sort(column[~np.isnan(column)])
        below = np.searchsorted(ordered, values, "left") / len(ordered)
        upto = np.searchsorted(ordered, values, "right") / len(ordered)
        errors = np.maximum(np.maximum(below - _SHARES, _SHARES - upto), 0.0)
        worst = max(worst, float(errors.max()))
    return {"error": worst}


_ANSWERS: dict[str, Callable[..., dict[str, float]]] = {
    "update": update,
    "window": window,
    "ranks": ranks,
}

for line in sys.stdin:
    question = json.loads(line)
    answer = _ANSWERS[question.pop("do")](**question)
    print(json.dumps(answer), flush=True)
