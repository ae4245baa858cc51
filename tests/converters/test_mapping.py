"""Each column gets the mapping that tells most of its values apart."""

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.mapping import sketch_for
from edge_contract.stats import CENTRED, FLOAT_BITS, Sketch, SketchSpec

RNG = np.random.default_rng(11)


def fullest_share(spec: SketchSpec, values: NDArray[np.float32]) -> float:
    sketch = Sketch(spec)
    for value in values.tolist():
        sketch.observe((value,))
    return max(sketch.counts.values()) / len(values)


def test_a_column_far_from_zero_is_centred_on_its_median() -> None:
    values = RNG.normal(1000.0, 1.0, 4000).astype(np.float32)

    spec = sketch_for(values)

    assert spec.mapping == CENTRED
    assert spec.center == pytest.approx(1000.0, abs=0.1)
    assert spec.scale == pytest.approx(1.0, abs=0.1)
    assert fullest_share(spec, values) < 0.05
    assert fullest_share(SketchSpec(FLOAT_BITS), values) > 0.4


@pytest.mark.parametrize(
    ("values", "mapping"),
    [
        (RNG.lognormal(0.0, 3.0, 4000), FLOAT_BITS),
        (RNG.exponential(1.0, 4000), FLOAT_BITS),
        (RNG.normal(30_000.0, 5_000.0, 4000), CENTRED),
        (np.where(RNG.random(4000) < 0.9, 0.0, RNG.normal(50.0, 1.0, 4000)), CENTRED),
        (np.full(100, 7.5), FLOAT_BITS),
        (np.zeros(100), FLOAT_BITS),
        (np.full(100, np.nan), FLOAT_BITS),
        (np.array([]), FLOAT_BITS),
    ],
    ids=["wide", "one-sided", "far", "mostly zero", "constant", "zero", "missing", "empty"],
)
def test_the_better_mapping_is_taken(values: NDArray[np.float64], mapping: str) -> None:
    spec = sketch_for(values.astype(np.float32))

    assert spec.mapping == mapping


def test_the_choice_is_never_worse_than_the_other_mapping() -> None:
    for scale in (0.1, 1.0, 30.0):
        values = RNG.normal(10.0, scale, 2000).astype(np.float32)

        spec = sketch_for(values)

        assert fullest_share(spec, values) <= fullest_share(SketchSpec(FLOAT_BITS), values)


@pytest.mark.parametrize(
    ("values", "integer"),
    [([1.0, 2.0, 300.0], True), ([1.0, np.nan, np.inf], True), ([0.5, 1.0], False), ([], False)],
)
def test_columns_of_whole_numbers_are_known(values: list[float], integer: bool) -> None:
    assert sketch_for(np.array(values, dtype=np.float32)).integer is integer


def test_a_column_where_most_values_are_equal_still_has_a_width() -> None:
    values = np.where(RNG.random(1000) < 0.8, 500.0, RNG.normal(500.0, 3.0, 1000))

    spec = sketch_for(values.astype(np.float32))

    assert spec.scale > 0


def test_huge_and_tiny_numbers_have_a_valid_sketch() -> None:
    for size in (1e-38, 1e-30, 1e30, 3e38):
        values = (RNG.normal(1.0, 0.01, 100) * size).astype(np.float32)

        spec = sketch_for(values)

        assert spec.empty().count == 0
