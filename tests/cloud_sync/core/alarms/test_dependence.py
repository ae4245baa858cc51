import json
import random

import pytest

from cloud_sync.core.alarms.dependence import LiveDependence, PortionScore
from edge_contract.errors import MessageError
from edge_contract.reading import Reader

ROWS = 100


def scores(
    rng: random.Random, *, features: int, tau: float, level: float = 0.0
) -> dict[str, PortionScore]:
    deviation = (tau / ROWS) ** 0.5
    return {
        f"x{index}": PortionScore(ROWS, level + rng.gauss(0.0, deviation))
        for index in range(features)
    }


def measured(*, features: int, tau: float, portions: int, seed: int = 1) -> LiveDependence:
    rng = random.Random(seed)
    dependence = LiveDependence()
    for _ in range(portions):
        dependence.observe(scores(rng, features=features, tau=tau))
    return dependence


@pytest.mark.parametrize("seed", range(5))
def test_independent_rows_are_taken_for_independent(seed: int) -> None:
    dependence = measured(features=10, tau=1.0, portions=520, seed=seed)

    assert [dependence.inflation(f"x{index}") for index in range(10)] == [1.0] * 10


@pytest.mark.parametrize("tau", [3.0, 20.0])
def test_rows_that_repeat_each_other_raise_tau_after_30_portions(tau: float) -> None:
    dependence = measured(features=10, tau=tau, portions=32)

    assert dependence.inflation("x0") == pytest.approx(tau, rel=0.5)


def test_a_weak_dependence_of_many_features_is_found_in_the_end() -> None:
    dependence = measured(features=20, tau=1.3, portions=512)

    assert dependence.inflation("x0") == pytest.approx(1.3, rel=0.15)


def test_one_feature_that_depends_slows_itself_alone() -> None:
    rng = random.Random(4)
    dependence = LiveDependence()
    for _ in range(200):
        portion = scores(rng, features=10, tau=1.0)
        dependence.observe({**portion, "slow": PortionScore(ROWS, rng.gauss(0.0, 0.4))})

    assert dependence.inflation("slow") == pytest.approx(16.0, rel=0.4)
    assert dependence.inflation("x0") < 4.0


def test_a_dependence_that_lasts_for_some_portions_is_found_too() -> None:
    rng = random.Random(2)
    dependence = LiveDependence()
    levels = dict.fromkeys((f"x{index}" for index in range(10)), 0.0)
    for _ in range(512):
        levels = {name: 0.9 * level + rng.gauss(0.0, 0.05) for name, level in levels.items()}
        dependence.observe(
            {n: PortionScore(ROWS, level + rng.gauss(0.0, 0.1)) for n, level in levels.items()}
        )

    assert dependence.inflation("x0") > 3.0


@pytest.mark.parametrize("begin", [1, 5, 15, 29])
def test_a_drift_that_begins_meanwhile_is_not_taken_for_dependence(begin: int) -> None:
    rng = random.Random(3)
    dependence = LiveDependence()
    for portion in range(520):
        level = 1.0 if portion >= begin else 0.0
        dependence.observe(scores(rng, features=10, tau=1.0, level=level))

    assert max(dependence.inflation(f"x{index}") for index in range(10)) < 1.5


def test_until_tau_is_known_the_first_portions_are_doubted() -> None:
    rng = random.Random(5)
    dependence = LiveDependence()
    cautions = [dependence.caution]
    for _ in range(40):
        dependence.observe(scores(rng, features=10, tau=6.0))
        cautions.append(dependence.caution)

    assert cautions[:4] == [8.0] * 4
    assert all(2.0 < caution < 12.0 for caution in cautions[4:31])
    assert cautions[31:] == [1.0] * 10
    assert dependence.inflation("x0") > 4.0


def test_portions_of_few_rows_are_put_together() -> None:
    rng = random.Random(6)
    dependence = LiveDependence()
    for _ in range(80):
        dependence.observe({"x": PortionScore(5, rng.gauss(0.0, 1.0 / 5**0.5))})

    assert dependence.to_state()["portions"] == 20


def test_a_restart_forgets_nothing() -> None:
    rng = random.Random(7)
    whole, restarted = LiveDependence(), LiveDependence()
    for _ in range(70):
        portion = scores(rng, features=3, tau=4.0)
        whole.observe(portion)
        state = json.loads(json.dumps(restarted.to_state(), allow_nan=False))
        restarted = LiveDependence.from_state(Reader(state, "dependence", MessageError))
        restarted.observe(portion)

    assert restarted.inflation("x1") == pytest.approx(whole.inflation("x1"), rel=1e-3)
    assert whole.inflation("x1") > 2.0


def test_portions_without_a_score_change_nothing() -> None:
    dependence = LiveDependence()

    assert dependence.observe({}) is False
    assert dependence.to_state() == LiveDependence().to_state()
