"""A watch takes whatever a device may count, compared with whatever a reference may hold."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.core.alarms.watch import Watch, ground_of
from edge_contract.errors import MessageError
from edge_contract.reading import Reader
from edge_contract.stats import (
    CategoriesSpec,
    LabelsSpec,
    ProbabilitiesSpec,
    SketchSpec,
    Spec,
    Statistic,
)

NUMBERS = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0, 1e-40])
SPECS: list[Spec] = [
    SketchSpec(),
    SketchSpec("centred", 10.0, 2.0),
    CategoriesSpec(3),
    CategoriesSpec(0),
    ProbabilitiesSpec(),
    LabelsSpec(2),
]

every_spec = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)


def counted(spec: Spec, numbers: list[float]) -> Statistic:
    statistic = spec.empty()
    for start in range(0, len(numbers) - spec.arity + 1, spec.arity):
        statistic.observe(numbers[start : start + spec.arity])
    return statistic


@every_spec
@settings(max_examples=30)
@given(
    reference=st.lists(NUMBERS, max_size=60),
    live=st.lists(st.lists(NUMBERS, max_size=60), max_size=4),
    inflation=st.floats(1.0, 50.0),
)
def test_no_counts_make_it_fail_and_its_state_survives_a_restart(
    spec: Spec, reference: list[float], live: list[list[float]], inflation: float
) -> None:
    ground = ground_of(counted(spec, reference))
    watch = Watch(ground, inflation=inflation)

    for numbers in live:
        reading = watch.observe(counted(spec, numbers), granted=1e-7, level=1e-9)
        assert 0.0 <= reading.abrupt < math.inf
        assert math.isfinite(reading.score)

    state = json.loads(json.dumps(watch.to_state(), allow_nan=False))
    restored = Watch(ground, inflation=1.0)
    restored.restore(Reader(state, "watch", MessageError))
    assert restored.statistic() == pytest.approx(watch.statistic(), abs=1e-2)
    assert restored.distances() == watch.distances()
    assert restored.inflation == pytest.approx(inflation)


@every_spec
@settings(max_examples=30)
@given(numbers=st.lists(NUMBERS, min_size=40, max_size=200))
def test_rows_like_the_reference_are_no_evidence_however_often_they_come(
    spec: Spec, numbers: list[float]
) -> None:
    same = counted(spec, numbers)
    watch = Watch(ground_of(same), inflation=1.0)

    for _ in range(20):
        watch.observe(same, granted=1e-7, level=1e-12)

    assert watch.statistic() <= math.log(20 * 1e-7) + 1e-6


def test_a_state_of_another_shape_is_not_taken_over() -> None:
    numbers = [float(n % 7) for n in range(300)]
    watch = Watch(ground_of(counted(SketchSpec(), numbers)), inflation=1.0)
    other = Watch(ground_of(counted(CategoriesSpec(3), numbers)), inflation=1.0)
    other.observe(counted(CategoriesSpec(3), [2.0] * 100), granted=1e-3, level=1e-9)

    watch.restore(Reader(json.loads(json.dumps(other.to_state())), "watch", MessageError))

    assert watch.statistic() < -600.0
    assert watch.distances() == (0.0, 0.0, 0)


def test_a_watch_that_begins_anew_keeps_what_it_saw_lately() -> None:
    numbers = [1.0 + n / 500 for n in range(2000)]
    watch = Watch(ground_of(counted(SketchSpec(), numbers)), inflation=1.0)
    watch.observe(counted(SketchSpec(), [4.9] * 50), granted=1e-3, level=1e-9)
    assert watch.statistic() > 0.0

    watch.start_anew()

    assert watch.statistic() < -600.0
    assert watch.distances()[2] == 50
