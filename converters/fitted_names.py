"""The columns that a fitted model knows, also of models that do not tell what is inside them."""

from collections.abc import Sequence

from sklearn.base import BaseEstimator

__all__ = ["fitted_names"]

_INNER = ("best_estimator_", "estimator_", "regressor_", "estimators_", "calibrated_classifiers_")


def fitted_names(model: object) -> Sequence[str] | None:
    """Return the names of the columns that a model was fitted on; ``None`` if it has none.

    CatBoost's models sort columns by name when they predict, but say so in a way of their own, so
    that a pipeline, a search or an ensemble of them knows no names.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is not None:
        return [str(name) for name in names]
    if _is_catboost(model):
        return _names_of_catboost(model)
    steps = getattr(model, "steps", None)
    if steps:
        return fitted_names(steps[0][1])
    for attribute in _INNER:
        inner: object = getattr(model, attribute, None)
        first = inner[0] if isinstance(inner, list | tuple) and inner else inner
        if attribute == "calibrated_classifiers_":  # of a class that is no estimator itself
            first = getattr(first, "estimator", None)
        if isinstance(first, BaseEstimator) or _is_catboost(first):
            return fitted_names(first)
    return None


def _is_catboost(model: object) -> bool:
    return any(
        (base.__module__, base.__qualname__) == ("catboost.core", "CatBoost")
        for base in type(model).__mro__
    )


def _names_of_catboost(model: object) -> Sequence[str] | None:
    names = [str(name) for name in getattr(model, "feature_names_", None) or ()]
    is_numbered = names == [str(place) for place in range(len(names))]
    return None if is_numbered or not names else names
