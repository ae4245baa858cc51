"""Options of ``edgefleet convert`` as the values that they stand for."""

import re
from collections.abc import Sequence

from edge_contract.errors import UsageError

__all__ = ["baseline_of", "classes_of", "height_and_width_of"]


def classes_of(labels: Sequence[str]) -> tuple[str | int, ...]:
    """Return labels as given; as whole numbers if all of them are: ``01`` is a text."""
    if all(re.fullmatch("0|-?[1-9][0-9]*", label) for label in labels):
        return tuple(int(label) for label in labels)
    return tuple(labels)


def baseline_of(metrics: Sequence[str]) -> dict[str, float | str]:
    """Return what is reached by metric, of ``METRIC=NUMBER``; raises ``UsageError`` for others."""
    found: dict[str, float | str] = {}
    for text in metrics:
        metric, _, number = text.partition("=")
        try:
            found[metric] = float(number)
        except ValueError as error:
            raise UsageError(f"baseline {text!r} is no METRIC=NUMBER, such as f1=0.91") from error
    return found


def height_and_width_of(text: str) -> tuple[int, int] | None:
    """Return ``HEIGHT,WIDTH``, nothing of nothing; raises ``UsageError`` for anything else."""
    if not text:
        return None
    height, _, width = text.partition(",")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise UsageError(f"image {text!r} is no HEIGHT,WIDTH in pixels, such as 28,28")
    return int(height), int(width)
