"""Arrays can be given names; tables have their own."""

from collections.abc import Sequence

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from edge_contract.errors import UsageError
from tests.converters.helpers import flowers, quietly_converted


def model_of_two() -> tuple[LinearRegression, "np.ndarray[tuple[int, int], np.dtype[np.float64]]"]:
    rows = np.random.default_rng(1).normal(size=(50, 2))
    return LinearRegression().fit(rows, rows.sum(axis=1)), rows


def test_the_columns_of_an_array_are_called_as_the_author_says() -> None:
    model, rows = model_of_two()

    package = quietly_converted(model, rows, feature_names=["speed (m/s)", "load"])

    assert [feature.name for feature in package.manifest.features] == ["speed (m/s)", "load"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a"], "feature_names has 1 names, the rows have 2 columns"),
        (["a", "a"], "feature_names must differ and not be empty: ['a']"),
        (["a", ""], "feature_names must differ and not be empty: ['']"),
    ],
)
def test_names_that_do_not_fit_are_refused(names: Sequence[str], words: str) -> None:
    model, rows = model_of_two()

    with pytest.raises(UsageError) as refused:
        quietly_converted(model, rows, feature_names=names)

    assert str(refused.value) == words


def test_a_table_keeps_its_names() -> None:
    rows, _ = flowers()
    model = LinearRegression().fit(rows, rows.iloc[:, 0])

    with pytest.raises(UsageError, match="X already has column names"):
        quietly_converted(model, rows, feature_names=["a", "b", "c", "d"])
