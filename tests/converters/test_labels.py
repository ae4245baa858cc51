"""Labels that are missing are refused, and labels that say little are told of."""

import warnings

import numpy as np
import pandas as pd
import pytest

from converters.base import ConversionWarning
from converters.labels import as_labels, require_label_for_each, tell_of_classes, tell_of_numbers
from edge_contract.errors import UsageError


@pytest.mark.parametrize(
    "labels",
    [
        None,
        [1, 2, 3],
        ["a", "b", "a"],
        [True, False, True],
        [[1.0], [2.0], [3.0]],
        pd.Series(["a", "b", ""], dtype="category"),
        np.array(["2026-01-01"] * 3, dtype="datetime64[D]"),
    ],
)
def test_a_label_for_each_row_is_taken(labels: object) -> None:
    require_label_for_each(labels, rows=3)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, 2], r"y has shape \[2\], X has 3 rows: give a label for each"),
        ([[1, 2], [1, 2], [1, 2]], r"y has 2 columns: .* leave y out, and the model is converted"),
        ([[1, 0], [0, 1], [1, 0]], r"of which one is 1 in each row: give .*, y\.argmax\(axis=1\)"),
        ([1.0, np.nan, np.nan], "no label for 2 of 3 rows, the first is row 1: leave these"),
        (["a", None, "b"], "no label for 1 of 3 rows, the first is row 1"),
        (pd.Series(["a", "b", None]), "no label for 1 of 3 rows, the first is row 2"),
        (pd.array([1, None, 3], dtype="Int64"), "no label for 1 of 3 rows, the first is row 1"),
        ([1.0, 2.0, -np.inf], "y is -inf for row 2: give finite numbers"),
    ],
)
def test_other_labels_are_refused(labels: object, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_label_for_each(labels, rows=3)


def test_a_single_column_is_its_labels() -> None:
    assert as_labels(pd.DataFrame({"y": ["a", "b"]})).tolist() == ["a", "b"]


@pytest.mark.parametrize("labels", [[0, 1, 1], [False, True, True], [[0.0], [1.0], [1.0]]])
def test_zeros_and_ones_for_a_model_that_says_a_number_are_told_of(labels: object) -> None:
    with pytest.warns(ConversionWarning, match=r"y holds only 0 and 1.* classes=\(0, 1\)"):
        tell_of_numbers(labels)


@pytest.mark.parametrize("labels", [None, [0.0, 0.5, 1.0], [0, 0, 0], ["0", "1", "1"]])
def test_other_labels_of_such_a_model_are_taken_silently(labels: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_of_numbers(labels)


def test_labels_of_one_class_are_told_of() -> None:
    with pytest.warns(ConversionWarning, match="all labels are 'no': quality says nothing of the"):
        tell_of_classes(np.array(["no", "no"]), np.array([0, 0]), ("no", "yes"))


def test_labels_of_every_class_are_taken_silently() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell_of_classes(np.array(["no", "yes"]), np.array([0, 1]), ("no", "yes"))
        tell_of_classes(np.array(["no", "no"]), np.array([0, 0]), ("no",))
