"""XGBoost's boosters; its estimators are scikit-learn's, alone and in pipelines."""

from typing import TYPE_CHECKING, ClassVar

from converters.base import Request, register
from converters.booster_source import BoosterSource

if TYPE_CHECKING:
    from converters.sklearn_more.boosters import BoosterEstimator

__all__ = ["XGBoostSource"]


@register
class XGBoostSource(BoosterSource):
    """Trained ``xgboost.Booster`` objects."""

    name: ClassVar[str] = "XGBoost"
    kind: ClassVar[tuple[str, str]] = ("xgboost.core", "Booster")

    def estimator(self, request: Request) -> "BoosterEstimator":
        """Return a booster with the classes that the caller gave."""
        from converters.sklearn_more.xgboost_trees import booster_estimator

        return booster_estimator(request.model, request.classes)
