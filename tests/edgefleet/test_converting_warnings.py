"""What a conversion warns of points at the line that asked for it."""

import linecache
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import edgefleet
from converters.base import ConversionWarning
from converters.callers import WarningsOfTheCaller


def test_a_warning_points_at_the_line_of_the_caller() -> None:
    rows = np.random.default_rng(1).normal(size=(50, 2))
    model = LinearRegression().fit(rows, rows.sum(axis=1))

    with pytest.warns(ConversionWarning, match="the reference has 50 rows") as caught:
        edgefleet.convert(model, rows, name="m", version="1.0.0")

    ((file, line),) = {(warning.filename, warning.lineno) for warning in caught}
    assert file == __file__
    assert "edgefleet.convert(model, rows" in linecache.getline(file, line)


def test_warnings_of_libraries_keep_their_place() -> None:
    with pytest.warns(DeprecationWarning, match="old") as caught, WarningsOfTheCaller():
        warnings.warn_explicit("old", DeprecationWarning, "library.py", 7)

    assert [(warning.filename, warning.lineno) for warning in caught] == [("library.py", 7)]
