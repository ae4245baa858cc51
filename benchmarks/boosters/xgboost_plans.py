"""XGBoost's objectives and options."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import xgboost
from xgboost import XGBClassifier, XGBRanker, XGBRegressor, XGBRFClassifier, XGBRFRegressor

from benchmarks.boosters.plans import Labels, Plan, Rows, fitting, ranking, squares, weighted

__all__ = ["xgboost_plans"]

_SMALL: Final[dict[str, object]] = {"n_estimators": 12, "max_depth": 3, "n_jobs": 1}
_CATEGORIES: Final[dict[str, object]] = {
    "enable_categorical": True, "feature_types": ["q", "q", "c", "q", "q"]
}  # fmt: skip
_REAL: Final = ("reg:squarederror", "reg:pseudohubererror", "reg:absoluteerror")
_POSITIVE: Final = (
    "reg:squaredlogerror", "reg:gamma", "reg:tweedie", "count:poisson", "survival:cox"
)  # fmt: skip
_SEVERAL: Final[dict[str, object]] = {"quantile_alpha": [0.2, 0.5, 0.8]}


def xgboost_plans() -> Sequence[Plan]:
    """Return what is fitted."""
    quantile = "reg:quantileerror"
    return [
        *(Plan(it, _regressor(objective=it)) for it in _REAL),
        *(Plan(it, _regressor("positive", objective=it)) for it in _POSITIVE),
        Plan("reg:logistic", _regressor("share", objective="reg:logistic")),
        Plan(quantile, _regressor(objective=quantile, quantile_alpha=0.3)),
        Plan(f"{quantile}, three", _regressor("real", objective=quantile, **_SEVERAL)),
        Plan("survival:aft, Booster", _survival),
        Plan("objective of its own", _regressor(objective=squares)),
        Plan("binary:logistic", _classifier()),
        Plan("binary:hinge", _classifier(objective="binary:hinge")),
        Plan("binary:logitraw", _regressor("two", objective="binary:logitraw")),
        Plan("binary:logitraw, classifier", _classifier(objective="binary:logitraw")),
        Plan("multi:softprob", _classifier("three")),
        Plan("multi:softmax", _classifier("three", objective="multi:softmax")),
        Plan("rank:ndcg", ranking(XGBRanker, _SMALL, by="qid")),
        Plan(
            "rank:map", ranking(XGBRanker, _SMALL | {"objective": "rank:map"}, by="qid", of="two")
        ),
        Plan(
            "rank:pairwise", ranking(XGBRanker, _SMALL | {"objective": "rank:pairwise"}, by="qid")
        ),
        *_options(),
    ]


def _options() -> Sequence[Plan]:
    line: dict[str, object] = {"booster": "gblinear"}
    trees_of_two = _regressor("several", multi_strategy="multi_output_tree")
    return [
        Plan("reg:squarederror, random forest", fitting(XGBRFRegressor, "real", _SMALL)),
        Plan("binary:logistic, random forest", fitting(XGBRFClassifier, "two", _SMALL)),
        Plan("binary:logistic, num_parallel_tree", _classifier(num_parallel_tree=3, subsample=0.6)),
        Plan("binary:logistic, dart", _classifier(booster="dart", rate_drop=0.5)),
        Plan("reg:squarederror, gblinear", _regressor("real", **line)),
        Plan("count:poisson, gblinear", _regressor("positive", objective="count:poisson", **line)),
        Plan("multi:softprob, gblinear", _classifier("three", **line), "categories"),
        Plan("reg:squarederror, base_score", _regressor(base_score=70.0)),
        Plan("reg:squarederror, lossguide", _regressor(grow_policy="lossguide", max_leaves=6)),
        Plan("reg:squarederror, monotone", _regressor(monotone_constraints=(1, 0, 0, 0, 0))),
        Plan("reg:squarederror, missing=-999.1", _regressor(missing=-999.1), "marker"),
        Plan("reg:squarederror, missing=0", _regressor(missing=0.0)),
        Plan("reg:squarederror, weights of rows", weighted(XGBRegressor, _SMALL)),
        Plan("reg:squarederror, one leaf", _regressor(min_child_weight=1e6)),
        Plan("reg:squarederror, rows of float64", _regressor(), "float64"),
        Plan("reg:squarederror, two targets", _regressor("several")),
        Plan("reg:squarederror, trees of two targets", trees_of_two),
        Plan("binary:logistic, several labels", _classifier("both")),
        Plan(
            "binary:logistic, sets of categories",
            _classifier("two", max_cat_to_onehot=1, **_CATEGORIES),
            "categories",
        ),
        Plan(
            "binary:logistic, single categories",
            _classifier("two", max_cat_to_onehot=99, **_CATEGORIES),
            "categories",
        ),
        Plan("binary:logistic, stopped early", _stopped_early),
        Plan("reg:squarederror, trained on (xgb_model)", _trained_on),
        *(
            Plan(f"{it}, Booster", _booster_of_classes(it))
            for it in ("multi:softprob", "multi:softmax")
        ),
    ]


def _regressor(labels: str = "real", **more: object) -> Callable[[Rows, Labels], object]:
    return fitting(XGBRegressor, labels, _SMALL | more)


def _classifier(labels: str = "two", **more: object) -> Callable[[Rows, Labels], object]:
    return fitting(XGBClassifier, labels, _SMALL | more)


def _booster_of_classes(objective: str) -> Callable[[Rows, Labels], object]:
    def fit(rows: Rows, labels: Labels) -> object:
        settings = {"objective": objective, "num_class": 3, "max_depth": 3, "nthread": 1}
        return xgboost.train(settings, xgboost.DMatrix(rows, labels.three), num_boost_round=6)

    return fit


def _survival(rows: Rows, labels: Labels) -> object:
    matrix = xgboost.DMatrix(rows)
    low, high = labels.spans.T
    matrix.set_info(label_lower_bound=low, label_upper_bound=np.where(high > 3, np.inf, high))
    settings = {"objective": "survival:aft", "max_depth": 3, "nthread": 1}
    return xgboost.train(settings, matrix, num_boost_round=12)


def _stopped_early(rows: Rows, labels: Labels) -> object:
    model = XGBClassifier(n_estimators=40, max_depth=3, n_jobs=1, early_stopping_rounds=2)
    upside_down = [(rows[160:], 1 - labels.two[160:])]
    return model.fit(rows[:160], labels.two[:160], eval_set=upside_down, verbose=False)


def _trained_on(rows: Rows, labels: Labels) -> object:
    first = XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1).fit(rows, labels.real)
    second = XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1)
    return second.fit(rows, labels.real, xgb_model=first.get_booster())
