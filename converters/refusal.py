"""What a refused conversion says: which output is off in which row, and what to do about it."""

import math
from collections.abc import Sequence

from converters.base import Converted, Rows
from converters.differences import Difference
from converters.moved import LAST_BITS
from converters.probes import JUMP, MISSING
from converters.rows import in_float64
from converters.table import has_missing_texts
from converters.thresholds import SourceConverted
from edge_contract.errors import PackageError
from edge_contract.package import OutputRole, OutputSpec

__all__ = ["UnfaithfulError", "advice_for", "found_in", "refusal_of"]


class UnfaithfulError(PackageError):
    """A conversion does not repeat its source.

    Attributes:
        first: The first of the differences, for people.
    """

    def __init__(self, found: Sequence[str], advice: str) -> None:
        super().__init__(f"the conversion is not faithful: {'; '.join(found)}; {advice}")
        self.first = found[0]


def found_in(error: PackageError) -> str:
    """Return what a refusal found first, without its advice."""
    return error.first if isinstance(error, UnfaithfulError) else str(error)


def advice_for(converted: Converted, rows: Rows, *, kind: str = "") -> str:
    """Return what to do about a difference that is in the rows themselves.

    Args:
        converted: The conversion.
        rows: The rows, or those that were made up.
        kind: Of rows that were made up.
    """
    if kind == MISSING:
        return "put an imputer in front of the model"
    if has_missing_texts(rows):
        return (
            "X has missing texts, which reach a device's model as the empty text: replace them "
            "by '' before fitting"
        )
    has_jumps = converted.has_jumps
    blurs = isinstance(converted, SourceConverted) and converted.rounding > LAST_BITS
    if has_jumps and blurs and in_float64(rows) is not None:
        return (
            "X is float32, in which steps before trees round in another way on every machine: "
            "fit on X.astype('float64') and give such rows, or leave these steps out (trees "
            "need none)"
        )
    if has_jumps and (kind == JUMP or converted.takes_float64):
        return (
            "steps before the trees make numbers of which the last bits decide: leave these "
            "steps out (trees need none)"
        )
    if converted.takes_float64:
        return "the model cannot be converted as it is"
    if has_jumps:
        return (
            "trees behind other steps tell numbers apart that are the same float32, which devices "
            "send: fit on X.astype('float32').astype('float64') and give such rows, or leave these "
            "steps out (trees need none)"
        )
    return (
        "the model cannot be converted as it is; if X has more digits than a float32, fit on "
        "X.astype('float32') and give such rows"
    )


def refusal_of(
    refused: Sequence[tuple[OutputSpec, Difference]], where: Sequence[str], *, advice: str
) -> UnfaithfulError:
    """Return an error that tells each output that is off, and what would let all of them pass."""
    largest = max(difference.size for _, difference in refused)
    if math.isfinite(largest):
        enough = f"{largest * 1.05:.1e}"
        advice += f"; or accept the difference knowingly with accept_difference={enough}"
    return UnfaithfulError([_told(*difference, where) for difference in refused], advice)


def _told(output: OutputSpec, difference: Difference, where: Sequence[str]) -> str:
    sizes = f"fraction of rows {difference.size:.3g}"
    if output.role is not OutputRole.LABEL:
        sizes = f"relative difference {difference.size:.3g}, absolute {difference.absolute:.3g}"
    return (
        f"output {output.tensor.name!r} differs in {difference.unequal} of {difference.rows} rows; "
        f"worst is {where[difference.worst]}: found {difference.found}, "
        f"expected {difference.expected} ({sizes})"
    )
