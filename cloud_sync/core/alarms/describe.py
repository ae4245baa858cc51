"""What an alarm says has happened to a subject: what was found against what was expected."""

from collections.abc import Sequence
from typing import Final

from cloud_sync.core.analysis.bins import View
from edge_contract.stats import Categories, Statistic

__all__ = ["describe"]

_ATOMS: Final = {
    "zero": ("zeros", "is 0"),
    "not zero": ("zeros", "is not 0"),
    "missing": ("missing values", "is missing"),
    "infinite": ("infinite values", "is infinite"),
    "out of range": ("out of range", "lies outside the reference's range"),
    "other": ("new categories", "has a category that is not in the reference"),
    "invalid": ("invalid predictions", "is no valid prediction"),
    "wrong": ("error rate", "is wrong"),
    "unknown": ("unknown truths", "has a truth that the model cannot predict"),
}
"""Name of the test and what is said of the subject, by what a bet is about."""

_STUCK: Final = 0.999
"""A column of which so large a part is alike carries one value."""


def describe(
    view: View, counts: Sequence[int], about: str, cells: Sequence[int], *, live: Statistic
) -> tuple[str, str]:
    """Return the name of a test and what it found, as ``is missing in 31 % of rows (...)``.

    The text is empty where it was the distribution that changed: its distance says how far.

    Args:
        view: Which the bet is on.
        counts: Rows by cell that were seen lately.
        about: What the bet that won most is about.
        cells: Its cells.
        live: The latest rows.
    """
    if about == "spike":
        return _spike(view, counts, cells[0])
    if about not in _ATOMS:
        return "e-detector", ""
    test, what = _ATOMS[about]
    if about == "other" and isinstance(live, Categories) and live.distinct_others > 1:
        what = f"has {live.distinct_others:.0f} categories that are not in the reference"
    return test, f"{what} in {_against(view, counts, cells)}"


def _spike(view: View, counts: Sequence[int], cell: int) -> tuple[str, str]:
    against = _against(view, counts, (cell,))
    if view.name == "class":
        return "share of a class", f"is class number {cell} in {against}"
    if view.name == "category":
        return "share of a category", f"has category number {cell} in {against}"
    if counts[cell] >= _STUCK * sum(counts):
        return "stuck value", f"is stuck: has nearly the same value in {against}"
    if not any(view.reference[:cell]):
        return "outermost values", f"lies at the lower end of the reference in {against}"
    if not any(view.reference[cell + 1 : view.ordered]):
        return "outermost values", f"lies at the upper end of the reference in {against}"
    return "stuck value", f"has nearly the same value in {against}: it may be stuck somewhere"


def _against(view: View, counts: Sequence[int], cells: Sequence[int]) -> str:
    found, known = (_share(each, cells) for each in (counts, view.reference))
    return f"{_percent(found)} of rows (reference {_percent(known)})"


def _share(counts: Sequence[int], cells: Sequence[int]) -> float:
    return sum(counts[cell] for cell in cells) / max(sum(counts), 1)


def _percent(share: float) -> str:
    """Return a share for people, with more digits where it is small: ``31 %``, ``0.04 %``."""
    hundredths = 100.0 * share
    if hundredths == 0.0 or hundredths >= 10.0:
        return f"{hundredths:.0f} %"
    return f"{hundredths:.1f} %" if hundredths >= 1.0 else f"{hundredths:.2g} %"
