"""Decides, at every look at once, whether a quality is lower than another by more than a margin."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cloud_sync.core.analysis.anytime import fixed_factor, normal_factor
from cloud_sync.core.rollout.gates.base import Verdict
from edge_contract.reading import JsonValue

__all__ = ["Contrast", "Measured", "contrast", "standardised"]


@dataclass(frozen=True, slots=True)
class Measured:
    """A quality from 0 to 1, and its standard error by the chance of the rows alone."""

    value: float
    standard_error: float
    rows: int

    def to_json(self) -> dict[str, JsonValue]:
        """Return the numbers as evidence."""
        return {"value": self.value, "standard_error": self.standard_error, "rows": self.rows}


def standardised(parts: Sequence[tuple[Measured | None, Measured | None]]) -> Measured | None:
    """Return the control's quality, its strata weighted as the candidate's are.

    A stratum in which one side has no rows says nothing; what is left keeps its proportions.

    Args:
        parts: Candidate and control, by stratum.
    """
    both = [(mine, theirs) for mine, theirs in parts if mine is not None and theirs is not None]
    total = sum(mine.rows for mine, _ in both)
    if not total:
        return None
    weights = [mine.rows / total for mine, _ in both]
    return Measured(
        sum(w * theirs.value for w, (_, theirs) in zip(weights, both, strict=True)),
        math.hypot(
            *(w * theirs.standard_error for w, (_, theirs) in zip(weights, both, strict=True))
        ),
        sum(theirs.rows for _, theirs in both),
    )


@dataclass(frozen=True, slots=True)
class Contrast:
    """How much worse the candidate is.

    Attributes:
        loss: Estimated, as a share of the rows; below 0 if it is better.
        at_least: Bound that is ever wrong with probability ``alpha``.
        at_most: Bound that is ever wrong with probability ``beta``.
        verdict: FAIL if it is worse than the margin for sure, PASS if surely not.
    """

    loss: float
    at_least: float
    at_most: float
    verdict: Verdict

    def to_json(self) -> dict[str, JsonValue]:
        """Return the numbers as evidence."""
        return {
            "loss": self.loss,
            "loss_at_least": self.at_least,
            "loss_at_most": self.at_most,
        }


def contrast(
    candidate: Measured,
    control: Measured,
    past: tuple[Measured, Measured] | None,
    *,
    margin: float,
    alpha: float,
    beta: float,
    min_rows: int,
    fixed_error: float = 0.0,
) -> Contrast:
    """Compare two qualities, or how two qualities changed.

    Args:
        candidate: Of the candidate.
        control: Of the control.
        past: Of the candidate's and of the control's devices before, if both are known: then the
            loss is by how much more the candidate's devices lost than the control's.
        margin: Loss that is put up with.
        alpha: Probability of ever failing a candidate that loses no more than the margin.
        beta: Probability of ever passing one that loses more.
        min_rows: Rows at which the bounds are tightest; below them the verdict is inconclusive.
        fixed_error: Standard error of the loss that no number of rows makes smaller.
    """
    loss = control.value - candidate.value
    terms = [candidate, control]
    if past is not None:
        mine, others = past
        loss += mine.value - others.value
        terms += [mine, others]
    error = math.sqrt(sum(term.standard_error**2 for term in terms))
    rows = min(candidate.rows, control.rows)
    surely, likely = (
        math.hypot(
            error * normal_factor(level, rows=rows, best_at_rows=min_rows),
            fixed_error * fixed_factor(level),
        )
        for level in (alpha, beta)
    )
    at_least, at_most = loss - surely, loss + likely
    verdict = Verdict.INCONCLUSIVE
    if rows >= min_rows:
        if at_least > margin:
            verdict = Verdict.FAIL
        elif at_most <= margin:
            verdict = Verdict.PASS
    return Contrast(loss, at_least, at_most, verdict)
