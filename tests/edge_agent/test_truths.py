import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from edge_agent.prediction import PredictionId
from edge_agent.truths import truth_rows
from edge_contract.errors import UsageError
from edge_contract.package import Manifest, Task
from tests.support.packages import digits, regression, words

TREES = words().package.manifest
DIGITS = digits().package.manifest
SUM = regression().package.manifest


def call(*classes: float) -> PredictionId:
    """A call that predicted these classes with a probability of a half, or these numbers."""
    numbers = np.array(classes, np.float32)
    return PredictionId("sha256:aa", 7, numbers, np.full(len(classes), 0.5, np.float32))


def numbers(*values: float) -> PredictionId:
    scores = np.array(values, np.float32)
    return PredictionId("sha256:aa", 7, np.full(len(values), np.nan, np.float32), scores)


@pytest.mark.parametrize(
    "truth", ["oak", ["oak"], ("oak",), np.array(["oak"]), pd.Series(["oak"]), np.str_("oak")]
)
def test_a_class_comes_as_its_author_wrote_it(truth: object) -> None:
    assert truth_rows(TREES, call(0.0), truth).tolist() == [[0.0, 2.0, 0.5]]


@pytest.mark.parametrize("truth", [3, 3.0, np.int64(3), np.float32(3.0), [3], pd.Series([3.0])])
def test_a_whole_number_may_come_as_any_kind_of_number(truth: object) -> None:
    assert truth_rows(DIGITS, call(8.0), truth).tolist() == [[8.0, 3.0, 0.5]]


def test_a_call_of_many_rows_takes_a_truth_for_each() -> None:
    rows = truth_rows(TREES, call(0.0, 1.0, 2.0), ["elm", "elm", "ash"])
    assert rows.dtype == np.dtype("float32")
    assert rows.tolist() == [[0.0, 1.0, 0.5], [1.0, 1.0, 0.5], [2.0, 0.0, 0.5]]


@pytest.mark.parametrize("truth", [2.5, [2.5], np.float64(2.5), np.array(2.5)])
def test_of_a_number_the_error_is_counted(truth: object) -> None:
    assert truth_rows(SUM, numbers(3.0), truth).tolist() == [[0.5]]


@pytest.mark.parametrize(
    ("manifest", "truth", "said"),
    [
        (TREES, "fir", "truth 'fir' is no class of trees@1.0.0: 'ash', 'elm', 'oak'"),
        (TREES, 0, "truth 0 is no class of trees@1.0.0: 'ash', 'elm', 'oak'"),
        (TREES, None, "truth None is no class of trees@1.0.0: 'ash', 'elm', 'oak'"),
        (DIGITS, 10, "truth 10 is no class of digits@1.0.0: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (DIGITS, 2.5, "truth 2.5 is no class of digits@1.0.0: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (DIGITS, "3", "truth '3' is no class of digits@1.0.0: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        (SUM, "three", "truth 'three' of sum@1.0.0 is no finite number"),
        (SUM, math.nan, "truth nan of sum@1.0.0 is no finite number"),
        (SUM, None, "truth None of sum@1.0.0 is no finite number"),
    ],
)
def test_a_wrong_truth_is_told_with_what_is_right(
    manifest: Manifest, truth: object, said: str
) -> None:
    with pytest.raises(UsageError) as error:
        truth_rows(manifest, call(0.0), truth)
    assert str(error.value) == said


def test_of_many_classes_the_first_twelve_are_told() -> None:
    manifest = replace(DIGITS, classes=tuple(range(100)))
    with pytest.raises(UsageError, match=r"0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 88 more$"):
        truth_rows(manifest, call(0.0), 100)


@pytest.mark.parametrize("truths", [[], ["oak"], ["oak", "oak", "oak"]])
def test_every_row_needs_one_truth(truths: list[str]) -> None:
    with pytest.raises(
        UsageError,
        match=rf"got {len(truths)} truths for a prediction of 2 rows of trees@1.0.0: give one",
    ):
        truth_rows(TREES, call(0.0, 1.0), truths)


def test_a_model_that_predicts_neither_class_nor_number_has_no_truths() -> None:
    with pytest.raises(UsageError, match="predicts neither classes nor a number"):
        truth_rows(replace(SUM, task=Task.OTHER), call(0.0), 1.0)
