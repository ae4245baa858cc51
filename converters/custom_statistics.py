"""Columns that authors add: statistics of plugins, on features, predictions or latency."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge_contract.errors import PackageError, UsageError
from edge_contract.json_text import parse_json
from edge_contract.package import LATENCY, PREDICTION, Manifest, feature_subject
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import BUILT_IN, Column, Spec
from edge_contract.stats.base import spec_of_kind

__all__ = ["custom_columns"]

_Fitting: TypeAlias = Callable[[NDArray[np.float32]], Spec]
"""Makes a spec for values, ``float32[rows, arity]``, where parameters come from them."""

_ROW_END: Final = 3  # class, score and latency stand at the end of an observed row


def custom_columns(
    manifest: Manifest, rows: NDArray[np.float32], wanted: Sequence[str]
) -> list[Column]:
    """Return the columns that an author asks for.

    Args:
        manifest: With features.
        rows: Observed rows, as devices observe them.
        wanted: ``SUBJECT=KIND`` each: the name of a feature, ``prediction`` or ``latency_us``, and
            the name of a plugin's statistic; or in place of the name an object in JSON with
            ``kind`` and parameters.

    Raises:
        UsageError: A subject or a kind is unknown, or they do not go together.
    """
    columns: list[Column] = []
    for text in wanted:
        subject, equals, kind = text.partition("=")
        if not equals or not subject or not kind:
            raise UsageError(
                f"statistic {text!r} is no SUBJECT=KIND, such as age=extremes; subjects are "
                f"features, {PREDICTION} and {LATENCY}"
            )
        places = _places(manifest, subject, width=rows.shape[1])
        spec = _spec(kind, rows[:, places])
        arity = spec.arity
        if not 1 <= arity <= len(places):
            raise UsageError(
                f"statistic {spec.kind!r} counts {arity} numbers at once, {subject!r} has "
                f"{len(places)}"
            )
        is_feature = subject not in (PREDICTION, LATENCY)
        column = Column(feature_subject(subject) if is_feature else subject, spec)
        if any((each.subject, each.spec.kind) == (column.subject, spec.kind) for each in columns):
            raise UsageError(f"statistic {spec.kind!r} of {subject!r} is asked for twice")
        columns.append(column)
    return columns


def _places(manifest: Manifest, subject: str, *, width: int) -> list[int]:
    """Return where a subject stands in an observed row."""
    names = [feature.name for feature in manifest.features]
    if subject in names:
        return [names.index(subject)]
    if subject == PREDICTION:
        return [width - _ROW_END, width - _ROW_END + 1]
    if subject == LATENCY:
        return [width - 1]
    known = ", ".join(map(repr, [*names[:8], PREDICTION, LATENCY]))
    raise UsageError(f"there is no {subject!r} to count a statistic of (known: {known})")


def _spec(text: str, values: NDArray[np.float32]) -> Spec:
    kind, parameters = _kind_in(text)
    if kind in BUILT_IN:
        raise UsageError(f"statistic {kind!r} is one of edgefleet's own, which are chosen by it")
    try:
        found = spec_of_kind(kind)
        fitting: _Fitting | None = getattr(found, "for_values", None)
        if fitting is not None and not parameters:
            return fitting(values)
        return found.from_json(Reader(parameters, f"statistic {kind!r}", PackageError))
    except PackageError as error:
        raise UsageError(str(error)) from error


def _kind_in(text: str) -> tuple[str, JsonObject]:
    if not text.lstrip().startswith("{"):
        return text, {}
    try:
        found = parse_json(text.encode())
    except ValueError as error:
        raise UsageError(f"statistic {text!r} is no JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str):
        raise UsageError(f"statistic {text!r} is no object with kind")
    return str(found["kind"]), {name: value for name, value in found.items() if name != "kind"}
