import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.analysis.across import ks_between
from edge_contract.stats import CategoriesSpec, MomentsSpec, Sketch, SketchSpec

FLOAT_BITS = SketchSpec()
CENTRED = SketchSpec("centred", 1.0, 0.5)
VALUES = st.lists(st.integers(-80, 80).map(lambda n: n / 8), min_size=1, max_size=60)


def sketch(values: list[float], spec: SketchSpec) -> Sketch:
    statistic = spec.empty()
    for value in values:
        statistic.observe((value,))
    return statistic


def exact(a: list[float], b: list[float]) -> float:
    return max(
        abs(sum(x <= at for x in a) / len(a) - sum(x <= at for x in b) / len(b)) for at in a + b
    )


@given(a=VALUES, b=VALUES)
@pytest.mark.parametrize("spec", [FLOAT_BITS, CENTRED])
def test_it_never_says_more_than_the_rows_would(
    spec: SketchSpec, a: list[float], b: list[float]
) -> None:
    assert ks_between(sketch(a, FLOAT_BITS), sketch(b, spec)) <= exact(a, b) + 1e-6


def test_a_shift_is_seen_across_different_mappings() -> None:
    rng = random.Random(1)
    before = [rng.gauss(1.0, 0.5) for _ in range(2000)]
    after = [rng.gauss(2.0, 0.5) for _ in range(2000)]

    assert ks_between(sketch(before, FLOAT_BITS), sketch(after, CENTRED)) > 0.6
    assert ks_between(sketch(before, FLOAT_BITS), sketch(before, CENTRED)) == pytest.approx(0.0)


def test_missing_values_are_a_distance() -> None:
    whole = sketch([1.0] * 4, FLOAT_BITS)
    holes = sketch([1.0, 1.0, math.nan, math.nan], CENTRED)

    assert ks_between(whole, holes) == 0.5


def test_what_cannot_be_compared_is_no_distance() -> None:
    few, many = CategoriesSpec(2).empty(), CategoriesSpec(3).empty()
    few.observe((0.0,))
    many.observe((1.0,))

    assert ks_between(few, many) == 0.0
    assert ks_between(few, MomentsSpec().empty()) == 0.0
    assert ks_between(sketch([], FLOAT_BITS), sketch([1.0], FLOAT_BITS)) == 0.0
