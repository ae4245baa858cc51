import json
import math
import random

import pytest

from cloud_sync.core.analysis import ErrorQuality, against_baseline
from cloud_sync.core.analysis.error_quality import error_quality
from edge_contract.reading import JsonObject
from edge_contract.stats import CENTRED, Moments, MomentsSpec, Sketch, SketchSpec


def of(values: list[float], spec: SketchSpec) -> tuple[Sketch, Moments]:
    sketch, moments = spec.empty(), MomentsSpec().empty()
    for value in values:
        sketch.observe((value,))
        moments.observe((value,))
    return sketch, moments


def normal(rows: int, seed: int = 1) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(0.5, 2.0) for _ in range(rows)]


def test_bias_and_root_mean_squared_error_are_exact_and_the_rest_is_close() -> None:
    values = normal(5000)

    found = error_quality(*of(values, SketchSpec(CENTRED, 0.0, 1.0)))

    assert found is not None
    assert found.rows == 5000
    assert found.bias == pytest.approx(sum(values) / 5000)
    assert found.rmse == pytest.approx(math.sqrt(sum(v * v for v in values) / 5000))
    assert found.mae == pytest.approx(sum(map(abs, values)) / 5000, rel=0.005)
    assert found.quantiles[0.5] == pytest.approx(sorted(values)[2500], abs=0.1)
    assert found.quantiles[0.95] == pytest.approx(sorted(values)[4750], abs=0.2)
    assert found.absolute_quantiles[0.95] == pytest.approx(sorted(map(abs, values))[4750], abs=0.2)


def test_the_mean_absolute_error_is_no_further_off_than_it_says() -> None:
    values = normal(300)
    exact = sum(map(abs, values)) / 300

    found = error_quality(*of(values, SketchSpec()))

    assert found is not None
    assert abs(found.mae - exact) <= found.resolution
    assert 0.0 < found.resolution < 0.05 * exact


def test_whole_numbers_lose_nothing() -> None:
    found = error_quality(*of([0.0, 3.0, -4.0, 5.0], SketchSpec(integer=True)))

    assert found is not None
    assert found.mae == 3.0
    assert found.resolution == 0.0


def test_standard_errors_cover_the_truth() -> None:
    hits = {"bias": 0, "mae": 0, "rmse": 0}
    true = {"bias": 0.5, "mae": 1.6452, "rmse": math.sqrt(4.25)}
    for seed in range(60):
        found = error_quality(*of(normal(400, seed), SketchSpec(CENTRED, 0.0, 1.0)))
        assert found is not None
        for name, value in true.items():
            off = abs(getattr(found, name) - value)
            hits[name] += off <= 2 * found.standard_errors[name]

    assert all(50 <= count <= 60 for count in hits.values())


def test_without_moments_the_sketch_has_to_do() -> None:
    sketch, _ = of(normal(2000), SketchSpec(CENTRED, 0.0, 1.0))

    found = error_quality(sketch, Moments())

    assert found is not None
    assert found.bias == pytest.approx(0.5, abs=0.15)
    assert found.rmse == pytest.approx(2.06, abs=0.15)


def test_errors_that_are_no_numbers_are_counted_apart() -> None:
    found = error_quality(*of([1.0, math.nan, math.inf], SketchSpec()))

    assert found is not None
    assert (found.rows, found.unknown) == (1, 2)
    assert found.rmse == 1.0


def test_no_error_is_no_quality() -> None:
    assert error_quality(*of([], SketchSpec())) is None
    assert error_quality(*of([math.nan], SketchSpec())) is None


def test_a_report_of_errors_is_plain_json() -> None:
    found = error_quality(*of([3e38, -3e38, 1e-45, 0.0], SketchSpec()))

    assert found is not None
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["rows"] == 4


def test_a_baseline_is_beaten_only_beyond_doubt() -> None:
    errors = {"mae": 0.1, "rmse": 0.1}
    metrics = ErrorQuality(100, 0, 0.0, mae=1.0, rmse=2.0, standard_errors=errors).to_json()

    found = against_baseline(metrics, {"mae": 1.5, "rmse": 1.9, "source": "an engineer"})

    assert found == {
        "source": "an engineer",
        "metrics": {
            "mae": {"baseline": 1.5, "gain": 0.5, "standard_error": 0.1, "verdict": "better"},
            "rmse": {
                "baseline": 1.9,
                "gain": pytest.approx(-0.1),
                "standard_error": 0.1,
                "verdict": "as good",
            },
        },
    }


def test_without_a_baseline_there_is_nothing_to_compare() -> None:
    assert against_baseline({"accuracy": 0.9}, {}) == {}
    assert against_baseline({"accuracy": 0.9}, {"f1": 0.9, "source": "x"}) == {}


def test_fewer_right_ones_than_a_person_is_worse() -> None:
    metrics: JsonObject = {"accuracy": 0.8, "standard_errors": {"accuracy": 0.01}}

    found = against_baseline(metrics, {"accuracy": 0.9, "source": "two readers"})

    assert found["metrics"] == {
        "accuracy": {
            "baseline": 0.9,
            "gain": pytest.approx(-0.1),
            "standard_error": 0.01,
            "verdict": "worse",
        }
    }
