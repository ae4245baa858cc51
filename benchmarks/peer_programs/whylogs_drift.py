"""whylogs: a dataset profile of all features.

    python whylogs_drift.py ROWS.npy

Answers ``{"do": "update", "batch": 32, "rows": 64}`` with seconds, and ``{"do": "window", "rows":
600}`` with the bytes of a compressed window and seconds of a merge.
"""

import json
import sys
import time
import zlib
from collections.abc import Callable

import numpy as np
import pandas as pd
from whylogs.core import DatasetProfile  # type: ignore[import-not-found]

_ROWS = np.load(sys.argv[1])
_NAMES = [f"x{column}" for column in range(_ROWS.shape[1])]


def update(batch: int, rows: int) -> dict[str, float]:
    profile = DatasetProfile()  # as at the beginning of a window
    blocks = [_ROWS[first : first + batch] for first in range(0, rows, batch)]
    if batch == 1:
        records = [dict(zip(_NAMES, block[0].tolist(), strict=True)) for block in blocks]
        began_s = time.perf_counter()
        for record in records:
            profile.track(row=record)
    else:
        frames = [pd.DataFrame(block, columns=_NAMES) for block in blocks]
        began_s = time.perf_counter()
        for frame in frames:
            profile.track(pandas=frame)
    return {"seconds": time.perf_counter() - began_s}


def window(rows: int) -> dict[str, float]:
    views = []
    for first in (0, rows):
        profile = DatasetProfile()
        profile.track(pandas=pd.DataFrame(_ROWS[first : first + rows], columns=_NAMES))
        views.append(profile.view())
    size = len(zlib.compress(views[0].serialize(), 6))
    began_s = time.perf_counter()
    views[0].merge(views[1])
    return {"bytes": size, "seconds": time.perf_counter() - began_s}


_ANSWERS: dict[str, Callable[..., dict[str, float]]] = {"update": update, "window": window}

for line in sys.stdin:
    question = json.loads(line)
    print(json.dumps(_ANSWERS[question.pop("do")](**question)), flush=True)
