"""Windows that are drawn: possible to the collector, and like the reference unless told not to."""

import numpy as np
import pytest

from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Package, Role
from edge_contract.stats import Categories, Probabilities, Profile, Sketch
from edgefleet.simulation.drawing import Drawing, Look
from tests.support.telemetry import counting_package


def drawn(package: Package, rows: int, look: Look, role: str = Role.PRIMARY) -> Profile:
    drawing = Drawing(package.manifest, package.reference())
    state = drawing.window(role, rows, look=look, chance=np.random.default_rng(1))
    spec = PackageFacts(package.digest, package.manifest, package.reference()).specs[role]
    spec.check(state)
    return spec.decode(state)


def median(profile: Profile, subject: str) -> float:
    sketch = profile.find(subject, "sketch")
    assert isinstance(sketch, Sketch)
    seen = sorted((sketch.spec.value_of(code), count) for code, count in sketch.counts.items())
    left = sum(count for _, count in seen) / 2
    for value, count in seen:
        left -= count
        if left <= 0:
            return value
    raise AssertionError("it has seen nothing")


def test_a_fleet_that_does_not_drift_looks_like_the_reference(package: Package) -> None:
    live, reference = drawn(package, 4000, Look()), package.reference().profile

    assert median(live, "feature:x0") == pytest.approx(median(reference, "feature:x0"), abs=0.1)
    predicted = live.find("prediction", "probabilities")
    known = reference.find("prediction", "probabilities")
    assert isinstance(predicted, Probabilities)
    assert isinstance(known, Probabilities)
    assert predicted.count == 4000
    assert predicted.invalid == 0
    share = sum(predicted.counts[1].values()) / 4000
    assert share == pytest.approx(sum(known.counts[1].values()) / known.count, abs=0.03)


def test_what_drifts_grows_by_standard_deviations_and_goes_missing(package: Package) -> None:
    live = drawn(package, 4000, Look({"x0": 2.0}, {"x1": 0.25}))

    assert median(live, "feature:x0") == pytest.approx(2.0, abs=0.2)
    assert median(live, "feature:x2") == pytest.approx(0.0, abs=0.1)
    sketch = live.find("feature:x1", "sketch")
    assert isinstance(sketch, Sketch)
    assert sketch.missing == pytest.approx(1000, abs=120)


def test_a_version_that_is_slow_and_predicts_otherwise_shows_it(package: Package) -> None:
    usual, odd = drawn(package, 3000, Look()), drawn(package, 3000, Look(latency=4.0, drifts=1.0))

    assert median(odd, "latency_us") == pytest.approx(4 * median(usual, "latency_us"), rel=0.1)
    before = usual.find("prediction", "probabilities")
    after = odd.find("prediction", "probabilities")
    assert isinstance(before, Probabilities)
    assert isinstance(after, Probabilities)
    assert sum(after.counts[0].values()) == sum(before.counts[1].values())


def test_in_the_shadow_it_is_compared_with_what_serves(package: Package) -> None:
    live = drawn(package, 500, Look(), Role.SHADOW)

    agreement = live.find("agreement", "agreement")
    assert agreement is not None
    assert agreement.count == 500


def test_a_reference_that_has_seen_nothing_gives_zeros() -> None:
    live = drawn(counting_package(), 10, Look())

    sketch = live.find("feature:x0", "sketch")
    assert isinstance(sketch, Sketch)
    assert sketch.zero == 10
    assert not isinstance(live.find("prediction", "probabilities"), Categories)
