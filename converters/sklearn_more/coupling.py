"""Probabilities of classes from those of their pairs, as libsvm finds them.

libsvm goes round the classes until the answer hardly changes (Wu, Lin and Weng, 2004, their second
method). It stops early, so that its answer depends on the round in which it stops: to say the same,
the rounds have to be the same.
"""

from itertools import combinations
from typing import Final

import numpy as np

from converters.sklearn_more.loops import Round
from converters.sklearn_more.nodes import Nodes

__all__ = ["coupled"]

_MIN_ROUNDS: Final = 100
_TOLERANCE: Final = 0.005
_LEAST: Final = 1e-7
"""Of a pair: libsvm is never surer than this."""
_LAST: Final = np.array([2])


def coupled(nodes: Nodes, pairs: str, count: int) -> str:
    """Return probabilities of classes: ``float64[batch, count]``.

    Args:
        nodes: Where to write.
        pairs: The probability that the first one wins, for each pair of classes in their order:
            ``float64[batch, pairs]``.
        count: How many classes there are, 2 or more.
    """
    inside = nodes("Min", nodes("Max", pairs, _LEAST), 1.0 - _LEAST)
    nothing = nodes.for_every_row(np.zeros((1, 1)))
    both = nodes("Concat", inside, nodes("Sub", 1.0, inside), nothing, axis=1)
    shape = np.array([0, count, count])
    wins = nodes("Reshape", nodes.columns(both, _places(count, reverse=False)), shape)
    losses = nodes("Reshape", nodes.columns(both, _places(count, reverse=True)), shape)
    own = nodes("Unsqueeze", nodes.total(nodes("Mul", losses, losses), axis=2, keep=False), _LAST)
    table = nodes("Sub", nodes("Mul", own, np.eye(count)), nodes("Mul", wins, losses))
    shares = nodes.for_every_row(np.full((1, count), 1.0 / count))
    body = Round()
    column = body("MatMul", "table", body("Unsqueeze", "shares", _LAST))
    slopes = body("Squeeze", column, _LAST)
    mean = body.total(body("Mul", "shares", slopes))
    off = body("ReduceMax", body("Abs", body("Sub", slopes, mean)), np.array([1]), keepdims=1)
    is_moving = body("GreaterOrEqual", off, _TOLERANCE / count)
    better = "shares"
    for place in range(count):
        better, slopes, mean = _step(body, place, count, (better, slopes, mean))
    moving = body.whole(body.cast(is_moving, "int64"))
    ends = body.run(  # rows that have settled keep what they have
        nodes,
        {"shares": (shares, body("Where", is_moving, better, "shares"))},
        rounds=max(_MIN_ROUNDS, count),
        goes_on=body("Greater", moving, np.int64(0)),
        kept={"table": table},
    )
    return ends["shares"]


def _places(count: int, *, reverse: bool) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Return where each pair of a square stands: among the first's wins, its losses, or zeros."""
    pairs = list(combinations(range(count), 2))
    square = np.full((count, count), 2 * len(pairs))
    for place, (one, other) in enumerate(pairs):
        square[one, other], square[other, one] = place, place + len(pairs)
    return (square.T if reverse else square).ravel().astype(np.int64)


def _step(
    body: Round, place: int, count: int, before: tuple[str, str, str]
) -> tuple[str, str, str]:
    """Return shares, slopes and their mean after the share of one class was corrected."""
    shares, slopes, mean = before
    slope = body.column(slopes, place)
    row = body("Squeeze", body.column("table", place), np.array([1]))
    own = body.column(row, place)
    change = body("Div", body("Sub", mean, slope), own)
    scale = body("Add", change, 1.0)
    twice = body("Mul", slope, 2.0)
    grown = body("Add", mean, body("Mul", change, body("Add", body("Mul", change, own), twice)))
    mean = body("Div", body("Div", grown, scale), scale)
    slopes = body("Div", body("Add", slopes, body("Mul", change, row)), scale)
    unit = np.eye(count)[place : place + 1]
    shares = body("Div", body("Add", shares, body("Mul", change, unit)), scale)
    return shares, slopes, mean
