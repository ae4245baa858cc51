import json
import math
import random
from dataclasses import replace
from functools import reduce

import pytest

from cloud_sync.core.alarms import AlarmBudget, DriftDetector, Finding
from cloud_sync.core.alarms.watch import Watch, ground_of
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError, UsageError
from edge_contract.package import Reference
from edge_contract.stats import Profile
from tests.support.behaviours import FRAGILE, STURDY, package_of, window

PACKAGE = package_of(FRAGILE, "1.0.0", rows=5000)
BUDGET = AlarmBudget(per_month=1.0)
MINUTE_S = 60.0


def portions(*, dirty: bool, count: int, rows: int = 100, seed: int = 1) -> list[Profile]:
    rng = random.Random(seed)
    drawn = [window(PACKAGE, FRAGILE, rng, rows=rows, dirty=dirty) for _ in range(min(count, 30))]
    return [rng.choice(drawn) for _ in range(count)]


def feed(
    detector: DriftDetector, rows: list[Profile], *, from_s: float = 0.0
) -> list[tuple[float, Finding]]:
    found: list[tuple[float, Finding]] = []
    for minute, portion in enumerate(rows, start=1):
        now_s = from_s + minute * MINUTE_S
        found += [(now_s, finding) for finding in detector.observe(portion, now_s)]
    return found


def test_nothing_is_raised_while_nothing_drifts() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)

    found = feed(detector, portions(dirty=False, count=600))

    assert found == []
    assert detector.drifted() == frozenset()
    assert max(detector.evidence().values()) < 0.1


def test_a_drifted_feature_and_the_prediction_are_raised_within_minutes_and_once() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)
    feed(detector, portions(dirty=False, count=30))

    found = feed(detector, portions(dirty=True, count=30), from_s=30 * MINUTE_S)

    assert sorted(finding.subject for _, finding in found) == ["feature:x", "prediction"]
    assert all(at_s <= 33 * MINUTE_S for at_s, _ in found)
    assert detector.drifted() == {"feature:x", "prediction"}
    assert detector.evidence()["feature:x"] > 1.0
    assert detector.evidence()["feature:y"] < 0.1


def test_an_abrupt_change_is_raised_in_the_first_portion() -> None:
    (portion,) = portions(dirty=True, count=1, rows=400)
    detector = DriftDetector(PACKAGE, AlarmBudget(per_month=1e-9))

    found = detector.observe(portion, 1000.0)

    assert {finding.subject for finding in found} == {"feature:x", "prediction"}
    assert all(finding.evidence >= 1.0 for finding in found)


def test_the_test_for_abrupt_change_looks_at_one_portion_alone() -> None:
    watch = Watch(ground_of(PACKAGE.reference.profile[0]), inflation=1.0)
    clean, dirty = (portions(dirty=d, count=1, rows=400)[0][0] for d in (False, True))

    quiet = watch.observe(clean, granted=1e-6, level=1e-6)
    loud = watch.observe(dirty, granted=1e-6, level=1e-6)
    five = portions(dirty=True, count=1, rows=5)[0][0]
    few = watch.observe(five, granted=1e-6, level=1e-6)

    assert quiet.abrupt < 1.0 < loud.abrupt
    assert (few.abrupt, few.rows) == (0.0, 5)


def test_a_slight_drift_adds_up_over_time() -> None:
    rng = random.Random(8)
    mixed = [
        window(PACKAGE, FRAGILE, rng, rows=92, dirty=False).merged(
            window(PACKAGE, FRAGILE, rng, rows=8, dirty=True)
        )
        for _ in range(120)
    ]
    detector = DriftDetector(PACKAGE, BUDGET)

    found = feed(detector, mixed)

    assert found
    first_s, first = found[0]
    assert first.test == "outermost values"
    assert 5 * MINUTE_S < first_s < 100 * MINUTE_S


def test_late_and_large_portions_count_like_timely_small_ones() -> None:
    timely, late = DriftDetector(PACKAGE, BUDGET), DriftDetector(PACKAGE, BUDGET)
    rows = portions(dirty=False, count=60)
    heap = rows[0]
    for portion in rows[1:]:
        heap = heap.merged(portion)

    assert feed(timely, rows) == []
    assert late.observe(heap, 3600.0) == []
    assert max(late.evidence().values()) < 0.1


def test_portions_without_rows_change_nothing() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)
    nothing = PACKAGE.reference.profile.spec.empty()

    found = feed(detector, [nothing] * 100)

    assert found == []
    assert detector.to_state() == DriftDetector(PACKAGE, BUDGET).to_state()


def test_a_restart_forgets_nothing() -> None:
    rows = portions(dirty=False, count=20) + portions(dirty=True, count=4)
    whole, restarted = DriftDetector(PACKAGE, BUDGET), DriftDetector(PACKAGE, BUDGET)
    seen_whole = feed(whole, rows)
    seen_restarted = []
    for minute, portion in enumerate(rows, start=1):
        state = json.loads(json.dumps(restarted.to_state(), allow_nan=False))
        restarted = DriftDetector(PACKAGE, BUDGET, state)
        now_s = minute * MINUTE_S
        seen_restarted += [(now_s, one) for one in restarted.observe(portion, now_s)]

    assert [(at, one.subject) for at, one in seen_restarted] == [
        (at, one.subject) for at, one in seen_whole
    ]
    assert restarted.drifted() == whole.drifted()


def test_a_state_that_is_none_is_refused() -> None:
    with pytest.raises(MessageError, match=r"drift detector\.last_unix_s is missing"):
        DriftDetector(PACKAGE, BUDGET, {"watches": {}})


def test_a_state_of_another_package_starts_anew() -> None:
    other = DriftDetector(package_of(STURDY, "2.0.0", rows=50), BUDGET)
    other.observe(window(other.package, STURDY, random.Random(1), rows=50, dirty=False), MINUTE_S)

    detector = DriftDetector(PACKAGE, BUDGET, other.to_state())

    assert feed(detector, portions(dirty=False, count=5)) == []


def test_rearming_lets_the_same_drift_be_raised_again() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)
    drifted = portions(dirty=True, count=5)
    assert feed(detector, drifted)

    assert feed(detector, drifted, from_s=600.0) == []
    detector.rearm()

    assert feed(detector, drifted, from_s=1200.0)


def test_a_subject_that_has_been_calm_for_an_hour_is_rearmed_by_itself() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)
    assert feed(detector, portions(dirty=True, count=3))

    feed(detector, portions(dirty=False, count=100), from_s=3 * MINUTE_S)
    assert detector.drifted() == frozenset()
    again = feed(detector, portions(dirty=True, count=5), from_s=200 * MINUTE_S)

    assert {finding.subject for _, finding in again} == {"feature:x", "prediction"}


def test_a_tighter_budget_asks_for_more_evidence() -> None:
    loose = DriftDetector(PACKAGE, AlarmBudget(per_month=100.0))
    tight = DriftDetector(PACKAGE, AlarmBudget(per_month=0.1, watched=5))

    for detector in (loose, tight):
        feed(detector, portions(dirty=False, count=1))

    assert loose.evidence()["feature:x"] == pytest.approx(5000 * tight.evidence()["feature:x"])


def test_rows_that_repeat_each_other_slow_the_evidence() -> None:
    facts = PACKAGE
    slowed = PackageFacts(
        facts.digest, facts.manifest, replace(facts.reference, variance_inflation=10.0)
    )
    drifted = portions(dirty=True, count=1, rows=30)

    quick, slow = DriftDetector(facts, BUDGET), DriftDetector(slowed, BUDGET)
    quick.observe(drifted[0], MINUTE_S)
    slow.observe(drifted[0], MINUTE_S)

    assert slow.evidence()["feature:x"] < quick.evidence()["feature:x"]


def test_counts_of_another_package_are_refused() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)

    with pytest.raises(UsageError, match=r"not of gate@1\.0\.0 in the primary role"):
        detector.observe(PACKAGE.specs["shadow"].empty(), MINUTE_S)


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_a_tiny_reference_is_watched_without_nonsense(rows: int) -> None:
    facts = package_of(FRAGILE, "1.0.0", rows=rows)
    detector = DriftDetector(facts, BUDGET)
    rng = random.Random(3)

    found = [
        detector.observe(window(facts, FRAGILE, rng, rows=100, dirty=False), minute * MINUTE_S)
        for minute in range(1, 60)
    ]

    assert not any(found)


def test_a_budget_of_very_many_alarms_is_no_error() -> None:
    detector = DriftDetector(PACKAGE, AlarmBudget(per_month=1e6))

    assert feed(detector, portions(dirty=True, count=2))


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="false alarms per month must be above 0"):
        AlarmBudget(per_month=0.0)
    with pytest.raises(UsageError, match="at least one version must be watched"):
        AlarmBudget(watched=0)


def test_a_reference_without_rows_is_watched_in_vain() -> None:
    facts = PackageFacts(
        PACKAGE.digest, PACKAGE.manifest, Reference(0, PACKAGE.reference.profile.spec.empty())
    )

    assert DriftDetector(facts, BUDGET).observe(facts.specs["primary"].empty(), 1.0) == []


def repeated(rng: random.Random, *, dirty: bool, rows: int = 12, times: int = 10) -> Profile:
    """A window in which every row comes several times, as frames of one scene do."""
    profile = window(PACKAGE, FRAGILE, rng, rows=rows, dirty=dirty)
    return reduce(Profile.merged, [profile] * times)


def test_rows_that_repeat_each_other_do_not_alarm_though_the_reference_came_shuffled() -> None:
    rng = random.Random(9)
    detector = DriftDetector(PACKAGE, AlarmBudget(per_month=1.0))

    found = feed(detector, [repeated(rng, dirty=False) for _ in range(400)])

    assert found == []
    assert all(5.0 < tau < 20.0 for tau in detector.inflation().values())


def test_a_drift_of_rows_that_repeat_each_other_is_still_found_and_tau_survives_a_restart() -> None:
    rng = random.Random(10)
    detector = DriftDetector(PACKAGE, BUDGET)
    feed(detector, [repeated(rng, dirty=False) for _ in range(40)])
    state = json.loads(json.dumps(detector.to_state(), allow_nan=False))
    restarted = DriftDetector(PACKAGE, BUDGET, state)

    found = feed(restarted, [repeated(rng, dirty=True) for _ in range(20)], from_s=40 * MINUTE_S)

    assert restarted.inflation() == detector.inflation()
    assert {finding.subject for _, finding in found} == {"feature:x", "prediction"}


def test_a_feature_missing_from_a_window_is_no_alarm_and_hides_no_other() -> None:
    detector = DriftDetector(PACKAGE, BUDGET)
    spec = PACKAGE.reference.profile.spec
    partial = [
        Profile(spec, {index: portion[index] for index in (1, 2)})
        for portion in portions(dirty=False, count=60)
    ]

    assert feed(detector, partial) == []
    assert "feature:x" not in detector.readings()
    assert feed(detector, portions(dirty=True, count=5), from_s=60 * MINUTE_S)


def test_a_finding_says_what_was_found_against_what_was_expected() -> None:
    rng = random.Random(12)
    detector = DriftDetector(PACKAGE, BUDGET)

    def with_missing() -> Profile:
        portion = window(PACKAGE, FRAGILE, rng, rows=95, dirty=False)
        for _ in range(5):
            portion.observe(0, (math.nan,))
        return portion

    found = feed(detector, [with_missing() for _ in range(20)])

    ((_, finding),) = found
    assert (finding.subject, finding.test) == ("feature:x", "missing values")
    assert finding.text == "is missing in 5.0 % of rows (reference 0 %)"
