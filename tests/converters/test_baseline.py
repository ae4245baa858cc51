"""What a person or a rule reaches, as the author gives it."""

import pytest

from converters.baseline import checked_baseline
from edge_contract.errors import UsageError
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
