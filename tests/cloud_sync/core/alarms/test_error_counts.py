"""Misses of classifiers and of regressions, and ADWIN on the latter."""

import json
import random
from dataclasses import replace

import pytest

from cloud_sync.adapters.river_adwin import RiverAdwin
from cloud_sync.core.alarms import AlarmBudget, Finding
from cloud_sync.core.alarms.change import ErrorChangeDetector
from cloud_sync.core.alarms.error_counts import LargeErrors, Missed, error_counter
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError, UsageError
from edge_contract.package import OutputRole, OutputSpec, Role, Task, TensorSpec
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import CENTRED, Profile, Sketch, SketchSpec
from tests.support.behaviours import FRAGILE, package_of

CLASSIFIER = package_of(FRAGILE, "1.0.0", rows=50)
REGRESSION = PackageFacts(
    CLASSIFIER.digest,
    replace(
        CLASSIFIER.manifest,
        task=Task.REGRESSION,
        classes=(),
        outputs=(OutputSpec(TensorSpec("y", "float32", ("batch", 1)), OutputRole.VALUE),),
    ),
    replace(CLASSIFIER.reference, labels=None),
)
CLUSTERING = PackageFacts(
    CLASSIFIER.digest,
    replace(REGRESSION.manifest, task=Task.OTHER),
    replace(CLASSIFIER.reference, labels=None),
)
MINUTE_S = 60.0


def erring(rng: random.Random, *, rows: int, spread: float) -> Profile:
    profile = REGRESSION.specs[Role.LABELS].empty()
    for _ in range(rows):
        profile.observe(0, (rng.gauss(0.0, spread),))
    return profile


def detector(state: JsonObject | None = None) -> ErrorChangeDetector:
    kept = None if state is None else json.loads(json.dumps(state, allow_nan=False))
    return ErrorChangeDetector(REGRESSION, AlarmBudget(per_month=1.0), kept, make=RiverAdwin)


def feed(watching: ErrorChangeDetector, portions: list[Profile]) -> list[tuple[int, Finding]]:
    return [
        (number, finding)
        for number, portion in enumerate(portions, 1)
        for finding in watching.observe(portion, number * MINUTE_S)
    ]


def sketch(*errors: float) -> Sketch:
    found = SketchSpec(CENTRED, 0.0, 1.0).empty()
    for error in errors:
        found.observe((error,))
    return found


def test_errors_of_a_regression_that_grow_are_raised_once_without_any_reference() -> None:
    rng = random.Random(1)
    spreads = [1.0] * 60 + [2.5] * 40

    ((number, finding),) = feed(
        detector(), [erring(rng, rows=64, spread=spread) for spread in spreads]
    )

    assert 60 < number <= 90
    assert (finding.kind, finding.test, finding.subject) == ("change", "adwin", "error")
    assert finding.text.startswith("exceeds 1.")
    assert "(before that 2" in finding.text


def test_errors_that_stay_or_shrink_raise_nothing() -> None:
    rng = random.Random(2)
    spreads = [1.0] * 100 + [0.2] * 60

    assert feed(detector(), [erring(rng, rows=64, spread=spread) for spread in spreads]) == []


def test_a_restart_goes_on_with_the_same_bound() -> None:
    rng = random.Random(3)
    spreads = [1.0] * 40 + [2.5] * 40
    portions = [erring(rng, rows=64, spread=spread) for spread in spreads]
    whole = feed(detector(), portions)

    restarted, found = detector(), []
    for number, portion in enumerate(portions, 1):
        restarted = detector(restarted.to_state())
        found += [(number, one) for one in restarted.observe(portion, number * MINUTE_S)]

    assert found == whole
    assert len(whole) == 1


def test_large_is_what_three_quarters_of_the_known_errors_are_not() -> None:
    known = sketch(*(0.1 * number for number in range(-1000, 1000)))
    large = LargeErrors(0, "error", known.spec, known)
    profile = REGRESSION.specs[Role.LABELS].empty()
    nothing = large.count(profile)
    for error in (-90.0, 90.0, 60.0, -60.0, 0.0, float("inf"), float("nan")):
        profile.observe(0, (error,))

    assert nothing == Missed(0, 0)
    assert large.count(profile) == Missed(wrong=3, labels=6)
    assert float(large.verb.removeprefix("exceeds ")) == pytest.approx(75.0, rel=0.05)


def test_errors_that_are_all_zero_leave_anything_else_large() -> None:
    known = sketch(*[0.0] * 500)
    large = LargeErrors(0, "error", known.spec, known)
    profile = REGRESSION.specs[Role.LABELS].empty()
    for error in (0.0, 0.0, 1e-3):
        profile.observe(0, (error,))

    assert large.count(profile) == Missed(wrong=1, labels=3)


def test_what_has_no_truths_has_no_misses() -> None:
    assert error_counter(CLUSTERING) is None
    with pytest.raises(UsageError, match=r"neither a classifier nor a regression"):
        ErrorChangeDetector(CLUSTERING, AlarmBudget(per_month=1.0), make=RiverAdwin)


def test_states_of_the_other_kind_are_refused() -> None:
    state = detector().to_state()
    of_classes = ErrorChangeDetector(
        CLASSIFIER, AlarmBudget(per_month=1.0), make=RiverAdwin
    ).to_state()

    with pytest.raises(MessageError, match=r"errors"):
        detector({**state, "errors": of_classes["errors"]})
    counter = error_counter(CLASSIFIER)
    assert counter is not None
    with pytest.raises(MessageError, match=r"expected null"):
        counter.restore(Reader(state["errors"], "errors", MessageError))
