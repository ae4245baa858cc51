"""The estimators inside a fitted estimator."""

from collections.abc import Iterator, Mapping

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["parts_of"]


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
