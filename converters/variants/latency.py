"""Times variants and the exact model in turns, so that only their ratio is told apart."""

import time
from collections.abc import Callable
from typing import Final

from converters.base import Tensors
from converters.runtime import OnnxModel
from edge_contract.reading import JsonObject

__all__ = ["latencies"]

_BATCHES: Final = (1, 32)
_ROUNDS: Final = 50
_BUDGET_S: Final = 0.6
_REPEAT_S: Final = 0.001  # shorter than a busy machine lets anybody run at a stretch


def latencies(exact: OnnxModel, variant: OnnxModel, feeds: Tensors) -> list[JsonObject]:
    """Return for calls of 1 and 32 rows the microseconds of both, and their ratio.

    On the author's machine and one thread; devices differ, and measure for themselves if they are
    to run the fastest.
    """
    return [_latency(exact, variant, feeds, rows) for rows in _BATCHES]


def _latency(exact: OnnxModel, variant: OnnxModel, feeds: Tensors, rows: int) -> JsonObject:
    some = {name: values[:rows] for name, values in feeds.items()}
    calls = [exact.call(some), variant.call(some)]
    for call in calls:
        call()  # the first one is slower
    alone_s = [max(_seconds(call, 1), 1e-6) for call in calls]
    rounds = max(min(_ROUNDS, int(_BUDGET_S / sum(alone_s))), 2)
    repeats = [max(int(_REPEAT_S / took_s), 1) for took_s in alone_s]
    times: list[list[float]] = [[], []]
    for _ in range(rounds):
        for place, call in enumerate(calls):
            times[place].append(_seconds(call, repeats[place]) / repeats[place])
    # The best of the rounds: whatever else a busy machine does only adds to the others.
    exact_us, variant_us = (min(found) * 1e6 for found in times)
    return {
        "rows": rows,
        "exact_us": exact_us,
        "variant_us": variant_us,
        "ratio": variant_us / exact_us,
    }


def _seconds(call: Callable[[], object], repeats: int) -> float:
    began_s = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - began_s
