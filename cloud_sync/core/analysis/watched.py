"""Which columns of a package are watched: its features, its prediction, and its errors."""

from typing import Final

from edge_contract.package.reference import EMBEDDING, JOINT, PREDICTION
from edge_contract.stats import Categories, Labels, Probabilities, ProfileSpec, Sketch

__all__ = ["title_of", "truth_columns", "watched_columns"]

_FEATURE: Final = "feature:"
_TITLES: Final = {
    PREDICTION: "the prediction",
    JOINT: "pairs of features",
    EMBEDDING: "the embedding",
    "labels": "the labelled prediction",
    "error": "the error of the prediction",
}


def watched_columns(spec: ProfileSpec) -> list[tuple[int, str]]:
    """Return (column, subject) of every distribution in the profile that may drift."""
    return [
        (index, column.subject)
        for index, column in enumerate(spec.columns)
        if (column.subject == PREDICTION or column.subject.startswith(_FEATURE))
        and isinstance(column.spec.empty(), Sketch | Categories | Probabilities)
    ]


def truth_columns(spec: ProfileSpec) -> list[tuple[int, str]]:
    """Return (column, subject) of what is watched in the role of labels: errors."""
    return [
        (index, column.subject)
        for index, column in enumerate(spec.columns)
        if isinstance(column.spec.empty(), Labels | Sketch)
    ]


def title_of(subject: str) -> str:
    """Return what people call a subject: a feature by its name, else ``the prediction``."""
    return _TITLES.get(subject, subject.removeprefix(_FEATURE))
