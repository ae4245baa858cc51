"""Observations of every statistic: what hypothesis tries, and how results are compared."""

import math
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import pytest
from hypothesis import strategies as st

from edge_contract.stats import SPECS, Spec, Statistic

__all__ = [
    "EVERY_SPEC",
    "Row",
    "any_row",
    "any_stream",
    "assert_close",
    "mild_row",
    "mild_stream",
    "of",
]

Row: TypeAlias = tuple[float, ...]

EVERY_SPEC = [
    pytest.param(spec, id=f"{kind}-{number}")
    for kind, cls in sorted(SPECS.items())
    for number, spec in enumerate(cls.examples())
]
"""Every example of every registered kind of statistic."""

_ODD = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, 1.00005, 1e-45, -1e-39])
_CLASS = st.integers(-2, 4).map(float)
_PROBABILITY = st.floats(0.0, 1.0, width=32)
_MILD = _CLASS | _PROBABILITY | st.floats(-1e3, 1e3) | _ODD | st.sampled_from([1e300, -5e38])
_ANY = _CLASS | _PROBABILITY | _ODD | st.floats() | st.floats(width=32)


def mild_row(spec: Spec) -> st.SearchStrategy[Row]:
    """A row whose finite numbers, except those too large for a float32, are up to 1000."""
    return st.tuples(*(_MILD,) * spec.arity)


def mild_stream(spec: Spec, *, max_size: int = 25) -> st.SearchStrategy[list[Row]]:
    """Rows whose sums are precise."""
    return st.lists(mild_row(spec), max_size=max_size)


def any_row(spec: Spec) -> st.SearchStrategy[Row]:
    """A row of any numbers at all."""
    return st.tuples(*(_ANY,) * spec.arity)


def any_stream(spec: Spec, *, max_size: int = 25) -> st.SearchStrategy[list[Row]]:
    """Rows of any numbers at all."""
    return st.lists(any_row(spec), max_size=max_size)


def of(spec: Spec, stream: Iterable[Sequence[float]]) -> Statistic:
    """The statistic of a stream."""
    statistic = spec.empty()
    for row in stream:
        statistic.observe(row)
    return statistic


def assert_close(a: object, b: object, *, rel: float = 1e-9, abs_: float = 1e-6) -> None:
    """Fail unless both states are alike: whole numbers equal, others up to rounding."""
    match a, b:
        case list() | tuple(), list() | tuple():
            assert len(a) == len(b)
            for x, y in zip(a, b, strict=True):
                assert_close(x, y, rel=rel, abs_=abs_)
        case float(), float():
            assert a == pytest.approx(b, rel=rel, abs=abs_)
        case _:
            assert type(a) is type(b)
            assert a == b
