"""LightGBM's objectives and options."""

from collections.abc import Callable, Sequence
from typing import Final

import lightgbm
from lightgbm import LGBMClassifier, LGBMRanker, LGBMRegressor

from benchmarks.boosters.plans import Labels, Plan, Rows, fitting, ranking, squares, weighted

__all__ = ["lightgbm_plans"]

_SMALL: Final[dict[str, object]] = {"n_estimators": 12, "num_leaves": 7, "verbose": -1, "n_jobs": 1}
_FOREST: Final[dict[str, object]] = {
    "boosting_type": "rf", "bagging_freq": 1, "bagging_fraction": 0.6
}  # fmt: skip
_POSITIVE: Final = ("poisson", "gamma", "tweedie")
_SHARES: Final = ("cross_entropy", "cross_entropy_lambda")
_REAL: Final = (
    "regression", "regression_l1", "huber", "fair", "quantile", "mape"
)  # fmt: skip


def lightgbm_plans() -> Sequence[Plan]:
    """Return what is fitted."""
    return [
        *(Plan(it, _regressor(objective=it)) for it in _REAL),
        *(Plan(it, _regressor("positive", objective=it)) for it in _POSITIVE),
        *(Plan(it, _regressor("share", objective=it)) for it in _SHARES),
        Plan("objective of its own", _regressor(objective=squares)),
        Plan("binary", _classifier()),
        Plan("binary, objective of its own", _classifier(objective=squares)),
        Plan("multiclass", _classifier("three")),
        Plan("multiclassova", _classifier("three", objective="multiclassova")),
        Plan("lambdarank", ranking(LGBMRanker, _SMALL, by="group")),
        Plan("rank_xendcg", ranking(LGBMRanker, _SMALL | {"objective": "rank_xendcg"}, by="group")),
        *_options(),
    ]


def _options() -> Sequence[Plan]:
    own_categories = fitting(
        LGBMClassifier, "two", _SMALL | {"min_data_per_group": 1}, categorical_feature=[2]
    )
    return [
        Plan("regression, square roots", _regressor(reg_sqrt=True)),
        Plan("binary, sigmoid=2.5", _classifier(sigmoid=2.5)),
        Plan("multiclass, texts as labels", _classifier("texts")),
        Plan("regression, rf", _regressor("real", **_FOREST)),
        Plan("binary, rf", _classifier("two", **_FOREST)),
        Plan("multiclass, rf", _classifier("three", **_FOREST)),
        Plan("binary, dart", _classifier(boosting_type="dart")),
        Plan("binary, goss", _classifier(data_sample_strategy="goss")),
        Plan("regression, extra_trees", _regressor(extra_trees=True)),
        Plan("regression, monotone_constraints", _regressor(monotone_constraints=[1, 0, 0, 0, 0])),
        Plan("regression, zero_as_missing", _regressor(zero_as_missing=True)),
        Plan("regression, use_missing=False", _regressor(use_missing=False)),
        Plan("regression, weights of rows", weighted(LGBMRegressor, _SMALL)),
        Plan("regression, one leaf", _regressor(min_child_samples=1000)),
        Plan("regression, rows of float64", _regressor(), "float64"),
        Plan("regression, linear_tree", _regressor(linear_tree=True, min_child_samples=40)),
        Plan("multiclass, linear_tree", _classifier("three", linear_tree=True)),
        Plan("binary, categorical_feature", own_categories, "categories"),
        Plan("binary, stopped early", _stopped_early),
        Plan("regression, trained on (init_model)", _trained_on),
        Plan("binary, Booster", lambda rows, labels: _booster(_classifier()(rows, labels))),
    ]


def _regressor(labels: str = "real", **more: object) -> Callable[[Rows, Labels], object]:
    return fitting(LGBMRegressor, labels, _SMALL | more)


def _classifier(labels: str = "two", **more: object) -> Callable[[Rows, Labels], object]:
    return fitting(LGBMClassifier, labels, _SMALL | more)


def _booster(model: object) -> object:
    return getattr(model, "booster_")  # noqa: B009  what fits it says no more than that it is one


def _stopped_early(rows: Rows, labels: Labels) -> object:
    model = LGBMClassifier(n_estimators=40, verbose=-1, n_jobs=1)
    stop = lightgbm.early_stopping(2, verbose=False)
    upside_down = 1 - labels.two[160:]
    model.fit(rows[:160], labels.two[:160], eval_X=rows[160:], eval_y=upside_down, callbacks=[stop])
    return model


def _trained_on(rows: Rows, labels: Labels) -> object:
    first = LGBMRegressor(n_estimators=5, num_leaves=7, verbose=-1, n_jobs=1)
    first.fit(rows, labels.real)
    second = LGBMRegressor(n_estimators=5, num_leaves=7, verbose=-1, n_jobs=1)
    second.fit(rows, labels.real, init_model=first)
    return second
