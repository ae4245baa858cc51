"""What a person or a rule reaches, as the author gives it."""

import pytest

from converters.baseline import checked_baseline, require_known_metrics
from edge_contract.errors import UsageError
from edge_contract.package import Task
from edge_contract.reading import JsonObject


def test_the_source_may_be_given_beside_the_metrics_or_among_them() -> None:
    expected: JsonObject = {"f1": 0.91, "source": "two radiologists"}

    assert checked_baseline({"f1": 0.91}, source="two radiologists") == expected
    assert checked_baseline(expected) == expected
    assert checked_baseline(expected, source="two radiologists") == expected
    assert checked_baseline({"f1": 0.91}) == {"f1": 0.91}
    assert checked_baseline(None) == {}


@pytest.mark.parametrize(
    ("given", "source", "message"),
    [
        ({"f1": float("inf")}, "", "baseline 'f1' is inf: give a finite number"),
        ({"f1": "high"}, "", "baseline 'f1' is 'high'"),
        ({"f1": True}, "", "baseline 'f1' is True"),
        ({"": 0.5}, "", "under the name of a metric"),
        ({"f1": 0.5, "source": "a rule"}, "a person", "one text, got 'a rule' and 'a person'"),
        ({"f1": 0.5, "source": 7}, "", "the baseline's source must be one text, got 7"),
        ({}, "a person", "the baseline of 'a person' has no metric"),
    ],
)
def test_a_baseline_that_says_nothing_is_refused(
    given: JsonObject, source: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        checked_baseline(given, source=source)


@pytest.mark.parametrize(
    ("baseline", "task"),
    [
        ({"f1": 0.91, "macro.recall": 1, "source": "a rule"}, Task.BINARY),
        ({"accuracy": 0.0, "roc_auc": 1.0}, Task.MULTICLASS),
        ({"rmse": 250.0, "r2": -3.0}, Task.REGRESSION),
        ({"anything": 7}, Task.OTHER),
        ({}, Task.BINARY),
    ],
)
def test_metrics_of_the_task_are_taken(baseline: JsonObject, task: Task) -> None:
    require_known_metrics(baseline, task=task)


@pytest.mark.parametrize(
    ("baseline", "task", "message"),
    [
        ({"acuracy": 0.9}, Task.BINARY, "'acuracy' is no metric of a .* task is binary, .* choose"),
        ({"rmse": 0.9}, Task.MULTICLASS, "'rmse' is no metric of a model whose task is multiclass"),
        ({"f1": 0.9}, Task.REGRESSION, "'f1' is no metric of .* regression, .* from mae, rmse"),
        ({"f1": 91.0}, Task.BINARY, "baseline 'f1' is 91.0: give a fraction from 0 to 1"),
        ({"f1": -0.1}, Task.BINARY, "baseline 'f1' is -0.1: give a fraction from 0 to 1"),
    ],
)
def test_a_baseline_that_could_never_be_compared_is_refused(
    baseline: JsonObject, task: Task, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        require_known_metrics(baseline, task=task)
