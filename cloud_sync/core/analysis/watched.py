"""Which columns of a package are watched for drift: its features and its prediction."""

from typing import Final

from edge_contract.package.reference import PREDICTION
from edge_contract.stats import Categories, Probabilities, ProfileSpec, Sketch

__all__ = ["title_of", "watched_columns"]

_FEATURE: Final = "feature:"


def watched_columns(spec: ProfileSpec) -> list[tuple[int, str]]:
    """Return (column, subject) of every distribution in the profile that may drift."""
    return [
        (index, column.subject)
        for index, column in enumerate(spec.columns)
        if (column.subject == PREDICTION or column.subject.startswith(_FEATURE))
        and isinstance(column.spec.empty(), Sketch | Categories | Probabilities)
    ]


def title_of(subject: str) -> str:
    """Return what people call a subject: a feature by its name, else ``the prediction``."""
    return subject.removeprefix(_FEATURE) if subject != PREDICTION else "the prediction"
