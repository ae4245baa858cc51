"""The estimators inside a fitted estimator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["parts_of", "with_whole_labels"]


def parts_of(estimator: object) -> Iterator[object]:
    """Yield a fitted estimator and all that are inside it, each once."""
    seen: set[int] = set()
    waiting: list[object] = [estimator]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if _is_estimator(part):
            if _is_whole(part):
                yield part
            waiting.extend(reversed(list(getattr(part, "__dict__", {}).values())))
        else:
            waiting.extend(_members(part))


@contextmanager
def with_whole_labels(estimator: object) -> Iterator[None]:
    """Let labels of few bits be those of 64 for a while: skl2onnx knows no others."""
    changed = []
    for part in parts_of(estimator):
        own = getattr(part, "__dict__", {})
        labels = own.get("classes_")
        if (
            isinstance(labels, np.ndarray)
            and labels.dtype.kind in "iu"
            and labels.dtype != np.int64
        ):
            changed.append((own, labels))
            own["classes_"] = labels.astype(np.int64)
    try:
        yield
    finally:
        for own, labels in changed:
            own["classes_"] = labels


def _is_estimator(part: object) -> bool:
    """Whether something holds estimators; calibration has a class that is none itself."""
    return _is_whole(part) or type(part).__name__ == "_CalibratedClassifier"


def _is_whole(part: object) -> bool:
    """Whether something is an estimator; CatBoost's inherit from none of scikit-learn's."""
    return isinstance(part, BaseEstimator) or (
        hasattr(part, "__sklearn_tags__") and not isinstance(part, type)
    )


def _members(part: object) -> Iterator[object]:
    """Yield what may be an estimator in a container; long rows of numbers are not looked at."""
    match part:
        case list() | tuple():
            if not part or not isinstance(part[0], int | float | np.number):
                yield from reversed(part)
        case np.ndarray() if part.dtype == object and part.size < 100_000:
            yield from part.ravel().tolist()[::-1]
        case Mapping():
            yield from reversed(list(part.values()))
