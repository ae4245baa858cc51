"""XGBoost's boosters; its estimators are scikit-learn's, alone and in pipelines."""

from collections.abc import Iterator
from typing import ClassVar

from converters.base import Converted, Request, register

__all__ = ["XGBoostSource"]


@register
class XGBoostSource:
    """Trained ``xgboost.Booster`` objects."""

    name: ClassVar[str] = "XGBoost"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is a ``xgboost.Booster``."""
        kind = type(model)
        return kind.__module__ == "xgboost.core" and kind.__qualname__ == "Booster"

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Convert the trees as those of XGBoost's estimators are."""
        from converters.sklearn_convert import conversions_of
        from converters.sklearn_model import SklearnModel
        from converters.sklearn_more.xgboost_trees import booster_estimator

        model = SklearnModel.of(booster_estimator(request.model, request.classes))
        return conversions_of(model, model.aligned(request.rows))
