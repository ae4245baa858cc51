"""CatBoost's objectives and options."""

from collections.abc import Callable, Sequence
from typing import Final

from catboost import CatBoost, CatBoostClassifier, CatBoostRanker, CatBoostRegressor, sum_models

from benchmarks.boosters.plans import Labels, Plan, Rows, fitting, ranking, weighted

__all__ = ["catboost_plans"]

_SMALL: Final[dict[str, object]] = {
    "iterations": 12, "depth": 3, "verbose": 0, "thread_count": 1, "allow_writing_files": False
}  # fmt: skip
_REAL: Final = (
    "RMSE", "MAE", "Quantile:alpha=0.3", "MAPE", "Lq:q=3", "Huber:delta=1", "Expectile:alpha=0.3",
    "LogCosh", "RMSEWithUncertainty", "MultiQuantile:alpha=0.2,0.5,0.8",
)  # fmt: skip
_POSITIVE: Final = ("Poisson", "Tweedie:variance_power=1.5", "LogLinQuantile", "Cox")
_RANKS: Final = ("YetiRank", "QueryRMSE", "QuerySoftMax", "PairLogit", "StochasticRank:metric=NDCG")


def catboost_plans() -> Sequence[Plan]:
    """Return what is fitted."""
    return [
        *(Plan(it, _regressor(loss_function=it)) for it in _REAL),
        *(Plan(it, _regressor("positive", loss_function=it)) for it in _POSITIVE),
        Plan(
            "SurvivalAft:dist=Normal", _regressor("spans", loss_function="SurvivalAft:dist=Normal")
        ),
        Plan("MultiRMSE", _regressor("several", loss_function="MultiRMSE")),
        *(Plan(it, _ranker(it)) for it in _RANKS),
        Plan("Logloss", _classifier()),
        Plan("CrossEntropy", _classifier(loss_function="CrossEntropy")),
        Plan("MultiClass", _classifier("three")),
        Plan("MultiClassOneVsAll", _classifier("three", loss_function="MultiClassOneVsAll")),
        Plan("MultiLogloss", _classifier("both", loss_function="MultiLogloss")),
        Plan("Logloss, CatBoost", _plain("two", "Logloss")),
        Plan("MultiClass, CatBoost", _plain("texts", "MultiClass")),
        Plan("Poisson, CatBoost", _plain("positive", "Poisson")),
        *_options(),
    ]


def _options() -> Sequence[Plan]:
    most: dict[str, object] = {"nan_mode": "Max"}
    return [
        Plan("MultiClass, texts as labels", _classifier("texts")),
        Plan("Logloss, Depthwise", _classifier(grow_policy="Depthwise")),
        Plan("MultiClass, Lossguide", _classifier("three", grow_policy="Lossguide")),
        Plan("RMSE, nan_mode=Max", _regressor("real", **most)),
        Plan("RMSE, nan_mode=Max, Lossguide", _regressor("real", grow_policy="Lossguide", **most)),
        Plan("RMSE, nan_mode=Forbidden", _regressor(nan_mode="Forbidden"), "categories"),
        Plan("RMSE, Ordered", _regressor(boosting_type="Ordered")),
        Plan("RMSE, monotone_constraints", _regressor(monotone_constraints=[1, 0, 0, 0, 0])),
        Plan("RMSE, model_shrink_rate", _regressor(model_shrink_rate=0.1)),
        Plan("RMSE, weights of rows", weighted(CatBoostRegressor, _SMALL)),
        Plan("RMSE, rows of float64", _regressor(), "float64"),
        Plan("RMSE, set_scale_and_bias", _scaled),
        Plan("RMSE, sum_models", _summed),
        Plan("Logloss, stopped early", _stopped_early),
        Plan("RMSE, trained on (init_model)", _trained_on),
        Plan("Logloss, set_probability_threshold", _at_threshold),
        Plan(
            "Logloss, cat_features that are compared",
            _classifier(cat_features=[2], one_hot_max_size=99),
            "whole",
        ),
        Plan("Logloss, cat_features that are counted", _classifier(cat_features=[2]), "whole"),
    ]


def _regressor(labels: str = "real", **more: object) -> Callable[[Rows, Labels], object]:
    return fitting(CatBoostRegressor, labels, _SMALL | more)


def _classifier(labels: str = "two", **more: object) -> Callable[[Rows, Labels], object]:
    return fitting(CatBoostClassifier, labels, _SMALL | more)


def _ranker(loss: str) -> Callable[[Rows, Labels], object]:
    return ranking(CatBoostRanker, _SMALL | {"loss_function": loss}, by="group_id")


def _plain(labels: str, loss: str) -> Callable[[Rows, Labels], object]:
    return fitting(lambda **it: CatBoost(it), labels, _SMALL | {"loss_function": loss})


def _scaled(rows: Rows, labels: Labels) -> object:
    model = CatBoostRegressor(**_SMALL).fit(rows, labels.real)
    model.set_scale_and_bias(2.5, 40.0)
    return model


def _summed(rows: Rows, labels: Labels) -> object:
    models = [CatBoostRegressor(**_SMALL).fit(rows, it) for it in (labels.real, labels.positive)]
    return sum_models(models, weights=[1.0, -0.5])


def _at_threshold(rows: Rows, labels: Labels) -> object:
    model = CatBoostClassifier(**_SMALL).fit(rows, labels.two)
    model.set_probability_threshold(0.3)
    return model


def _stopped_early(rows: Rows, labels: Labels) -> object:
    model = CatBoostClassifier(**_SMALL, early_stopping_rounds=2)
    upside_down = (rows[160:], 1 - labels.two[160:])
    return model.fit(rows[:160], labels.two[:160], eval_set=upside_down)


def _trained_on(rows: Rows, labels: Labels) -> object:
    first = CatBoostRegressor(**_SMALL).fit(rows, labels.real)
    return CatBoostRegressor(**_SMALL).fit(rows, labels.positive, init_model=first)
