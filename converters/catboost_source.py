"""CatBoost's models alone; in pipelines they are steps like scikit-learn's."""

from typing import TYPE_CHECKING, ClassVar

from converters.base import Request, register
from converters.booster_source import BoosterSource

if TYPE_CHECKING:
    from converters.sklearn_more.boosters import BoosterEstimator

__all__ = ["CatBoostSource"]


@register
class CatBoostSource(BoosterSource):
    """Trained ``catboost.CatBoost`` objects and those that inherit from it."""

    name: ClassVar[str] = "CatBoost"
    kind: ClassVar[tuple[str, str]] = ("catboost.core", "CatBoost")

    def estimator(self, request: Request) -> "BoosterEstimator":
        """Return a model with its own classes, its categories looked for in the rows."""
        from converters.sklearn_more.catboost_alone import model_estimator

        return model_estimator(request.model, request.rows, classes=request.classes)
