"""Shares of parts that add up to a row, found as scikit-learn finds them: in the same rounds.

The search stops where all rows of a batch together hardly change. What is said of a row therefore
depends, within the model's ``tol``, on the rows that it comes with, in scikit-learn as here.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF, MiniBatchNMF

from converters.sklearn_more.arithmetic import searched_with, without_misfits
from converters.sklearn_more.loops import Round
from converters.sklearn_more.nodes import Nodes
from converters.sklearn_more.registry import converts
from edge_contract.errors import UsageError

__all__: list[str] = []

_LEAST: Final = float(np.finfo(np.float32).eps)
"""What stands for zero where something is divided by it or raised to a power, in both precisions"""

_BETWEEN_CHECKS: Final = 10


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is searched with.

    Attributes:
        table: The parts, ``[parts, columns]``.
        beta: Of the beta divergence that is made small.
        l1: Added to slopes.
        l2: Added to slopes for each unit of a share.
    """

    table: NDArray[np.float64]
    beta: float
    l1: float
    l2: float

    @classmethod
    def of(cls, model: NMF) -> "_Parts":
        """Return those of a fitted model; raises ``UsageError`` if they are of float32."""
        named = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}
        table = searched_with(model, np.asarray(model.components_))
        scale = table.shape[1] * float(model.alpha_W)
        beta = named.get(model.beta_loss, model.beta_loss)
        return cls(table, float(beta), scale * model.l1_ratio, scale * (1.0 - model.l1_ratio))

    @property
    def alike(self) -> NDArray[np.float64]:
        """The products of the parts with each other."""
        found: NDArray[np.float64] = self.table @ self.table.T
        return found

    @property
    def power(self) -> float:
        """To which the factor of a share is raised."""
        if self.beta < 1:
            return 1.0 / (2.0 - self.beta)
        return 1.0 / (self.beta - 1.0) if self.beta > 2 else 1.0


@converts(NMF)
def factorization(nodes: Nodes, model: NMF) -> None:
    """Give the shares; of rows with a negative or missing number, which have none, NaN."""
    parts = _Parts.of(model)
    rows, admitting = without_misfits(nodes)
    search = _by_coordinates if model.solver == "cd" else _by_factors
    nodes.say_numbers(admitting(search(nodes, model, parts, rows)))


@converts(MiniBatchNMF)
def factorization_in_batches(nodes: Nodes, model: MiniBatchNMF) -> None:
    """Give the shares, also of rows with negative numbers: scikit-learn takes them here."""
    parts = _Parts.of(model)
    body = Round()
    better = _better(body, parts, "shares")
    step = body("Sub", better, "shares")
    change = body("Sqrt", body.whole(body("Mul", step, step)))
    size = body("Sqrt", body.whole(body("Mul", better, better)))
    limit = body("Mul", size, float(model.tol))  # without any share nothing is within it
    has_settled = body("And", body("LessOrEqual", change, limit), body("Greater", size, 0.0))
    goes_on = body("Not", has_settled) if model.tol > 0 else Round.was_on
    found = body.run(
        nodes,
        {"shares": (_equal_shares(nodes, nodes.x, parts), better)},
        rounds=model._transform_max_iter,
        goes_on=goes_on,
        kept={"rows": nodes.x},
    )
    nodes.say_numbers(found["shares"])


def _by_coordinates(nodes: Nodes, model: NMF, parts: _Parts, rows: str) -> str:
    """Return shares that are corrected one after the other until all slopes are small."""
    if model.shuffle:
        raise UsageError("NMF with shuffle=True draws lots: fit it with shuffle=False")
    count = len(parts.table)
    alike = parts.alike + parts.l2 * np.eye(count)
    body = Round()
    shares, slopes = "shares", []
    for place in range(count):
        found = body("MatMul", shares, alike[:, place : place + 1])
        slope = body("Sub", found, body.column("drawn", place))
        own = body.column(shares, place)
        downhill = body("Where", body("Equal", own, 0.0), body("Min", slope, 0.0), slope)
        slopes.append(body("Abs", downhill))
        if alike[place, place] != 0:
            step = body("Div", slope, alike[place, place])
            better = body("Max", body("Sub", own, step), 0.0)
            shares = body("Where", np.arange(count) == place, better, shares)
    steepness = body.whole(body("Concat", *slopes, axis=1))
    first = body("Where", body("Equal", Round.number, np.int64(0)), steepness, "first")
    drawn = nodes("Sub", nodes.linear(rows, parts.table.T), parts.l1)
    nothing = nodes.for_every_row(np.zeros((1, count)))
    ends = body.run(
        nodes,
        {"shares": (nothing, shares), "first": (0.0, first)},
        rounds=model.max_iter,
        goes_on=body("Greater", steepness, body("Mul", first, float(model.tol))),
        kept={"drawn": drawn},
    )
    return ends["shares"]


def _by_factors(nodes: Nodes, model: NMF, parts: _Parts, rows: str) -> str:
    """Return shares that are multiplied until the divergence hardly falls."""
    body = Round()
    shares = "shares"
    is_first = body("Equal", Round.number, np.int64(0))
    at_first = body("Where", is_first, _divergence(body, parts, shares), "first")
    before = body("Where", is_first, at_first, "before")
    done = body("Mul", Round.number, np.int64(_BETWEEN_CHECKS))
    blocks = -(-model.max_iter // _BETWEEN_CHECKS)
    for turn in range(_BETWEEN_CHECKS):
        better = _better(body, parts, shares)
        if parts.beta < 1:
            is_nothing = body("Less", better, float(np.finfo(np.float64).eps))
            better = body("Where", is_nothing, 0.0, better)
        if model.max_iter < blocks * _BETWEEN_CHECKS:
            is_due = body("Less", done, np.int64(model.max_iter - turn))
            better = body("Where", is_due, better, shares)
        shares = better
    after = _divergence(body, parts, shares)
    fall = body("Div", body("Sub", before, after), at_first)
    goes_on = body("Not", body("Less", fall, float(model.tol))) if model.tol > 0 else Round.was_on
    ends = body.run(
        nodes,
        {
            "shares": (_equal_shares(nodes, rows, parts), shares),
            "first": (0.0, at_first),
            "before": (0.0, after),
        },
        rounds=blocks,
        goes_on=goes_on,
        kept={"rows": rows},
    )
    return ends["shares"]


def _equal_shares(nodes: Nodes, rows: str, parts: _Parts) -> str:
    """Return shares whose size fits the mean of all rows."""
    mean = nodes("Div", nodes("ReduceMean", rows, keepdims=0), float(len(parts.table)))
    ones = nodes.for_every_row(np.ones((1, len(parts.table))))
    return nodes("Mul", ones, nodes("Sqrt", mean))


def _better(body: Round, parts: _Parts, shares: str) -> str:
    """Return shares after they were multiplied once."""
    table, beta = parts.table, parts.beta
    if beta == 2:
        wanted = body("MatMul", "rows", table.T)
        found = body("MatMul", shares, parts.alike)
    else:
        made = body("MatMul", shares, table)
        safe = body("Max", made, _LEAST)
        scale = safe if beta < 2 else made
        wanted = body("MatMul", body("Mul", "rows", body("Pow", scale, beta - 2.0)), table.T)
        scale = safe if beta < 1 else made
        found = body("MatMul", body("Pow", scale, beta - 1.0), table.T)
    if parts.l1:
        found = body("Add", found, parts.l1)
    if parts.l2:
        found = body("Add", found, body("Mul", shares, parts.l2))
    found = body("Where", body("Equal", found, 0.0), _LEAST, found)
    factor = body("Div", wanted, found)
    return body("Mul", shares, factor if parts.power == 1 else body("Pow", factor, parts.power))


def _divergence(body: Round, parts: _Parts, shares: str) -> str:
    """Return the root of twice the divergence between the rows and what the shares make."""
    beta = parts.beta
    made = body("MatMul", shares, parts.table)
    if beta == 2:
        off = body("Sub", "rows", made)
        return body("Sqrt", body.whole(body("Mul", off, off)))
    counts = body("Greater", "rows", _LEAST)
    rows, safe = body("Where", counts, "rows", 1.0), body("Max", made, _LEAST)
    ratio = body("Div", rows, safe)
    if beta == 1:
        each = body("Sub", body("Mul", rows, body("Log", ratio)), rows)
        size = body("Add", _of_those(body, counts, each), body.whole(made))
    elif beta == 0:
        each = body("Sub", ratio, body("Log", ratio))
        everything = body.cast(body("Size", "rows"), "float64")
        size = body("Sub", _of_those(body, counts, each), everything)
    else:
        crossed = body("Mul", body("Mul", rows, body("Pow", safe, beta - 1.0)), beta)
        each = body("Sub", body("Pow", rows, beta), crossed)
        all_made = body("Mul", body.whole(body("Pow", made, beta)), beta - 1.0)
        size = body("Div", body("Add", _of_those(body, counts, each), all_made), beta * (beta - 1))
    return body("Sqrt", body("Mul", body("Max", size, 0.0), 2.0))


def _of_those(body: Round, counts: str, each: str) -> str:
    return body.whole(body("Where", counts, each, 0.0))
