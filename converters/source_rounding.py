"""Rows of which a source model says something else than of the same numbers as float64.

A conversion then repeats what the source says of float64, and whoever converts is told so.
"""

import warnings
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Final

from converters.base import ConversionWarning
from converters.differences import RELATIVE_TOLERANCE, Difference
from edge_contract.package import OutputSpec
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["ROWS_OF_X", "rounded_away", "tell_of_rounding"]

ROWS_OF_X: Final = "rows of X"
"""What the caller's rows are called in the evidence, beside the kinds of made-up ones."""


def rounded_away(
    found: Sequence[tuple[OutputSpec, Difference]], where: Sequence[str]
) -> JsonObject:
    """Return how far the source's own rounding reaches: the output that it changes most.

    Args:
        found: Of each output that the source rounds too much, the difference between what it says
            and what the conversion says.
        where: How to call each row.
    """
    output, difference = max(found, key=lambda item: item[1].size)
    return {
        "output": output.tensor.name,
        "rows": difference.unequal,
        "compared_rows": difference.rows,
        "largest_difference": difference.size if isfinite(difference.size) else None,
        "worst": where[difference.worst],
        "source": difference.expected,
        "package": difference.found,
    }


def tell_of_rounding(parity: JsonObject) -> None:
    """Warn whoever converts if the source says of his rows what it would not say of float64."""
    rounds = parity.get("source_rounds")
    found = rounds.get(ROWS_OF_X) if isinstance(rounds, Mapping) else None
    if isinstance(found, Mapping):
        warnings.warn(_in_words(found), ConversionWarning, stacklevel=2)


def _in_words(found: Mapping[str, JsonValue]) -> str:
    return (
        f"the source model rounds float32 by more than {RELATIVE_TOLERANCE:g}: of "
        f"{found['rows']} of {found['compared_rows']} {ROWS_OF_X} it says something else than of "
        f"the same numbers as float64, and the package says what it says of float64 (output "
        f"{found['output']!r}, {found['worst']}: the source {found['source']}, the package "
        f"{found['package']}); fit it on float64 and give such rows to have one answer"
    )
