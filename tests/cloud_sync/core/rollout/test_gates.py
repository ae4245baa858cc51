import random

import pytest

from cloud_sync.core.rollout import ExecutionState, Mode
from cloud_sync.core.rollout.gates import GATES, GateResult, Verdict
from edge_contract.package import Role
from edge_contract.stats import Profile
from tests.support.behaviours import BAD, FRAGILE, STURDY, Behaviour, package_of, shadow_window
from tests.support.scenes import NEW, OLD, Ledger, scene_of

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
RUNS = ExecutionState.SUCCEEDED
BAD_PACKAGE = package_of(BAD, "1.2.0", seed=3)

TWO = {"cam-0": RUNS, "cam-1": RUNS}
OTHERS = [f"cam-{n}" for n in range(2, 10)]
BEFORE_S = 9_000.0


def ledger() -> Ledger:
    return Ledger({package.digest: package for package in (OLD, NEW, BAD_PACKAGE)})


def busy(*, dirty: bool = False, behaviour: Behaviour = STURDY) -> Ledger:
    """Candidate on two devices, the old version on the others, and both before the rollout."""
    found = ledger()
    found.add(NEW, behaviour, list(TWO), dirty=dirty)
    found.add(OLD, FRAGILE, OTHERS, seed=2)
    found.add(OLD, FRAGILE, list(TWO), at_s=BEFORE_S, dirty=dirty, seed=3)
    found.add(OLD, FRAGILE, OTHERS, at_s=BEFORE_S, seed=4)
    return found


def asked(gate: str, source: Ledger, **fields: object) -> GateResult:
    scene = scene_of(source, **{"members": TWO, "others": OTHERS, **fields})  # type: ignore[arg-type]
    return GATES[gate].judge(scene)


@pytest.mark.parametrize("gate", sorted(set(GATES) - {"delivery"}))
def test_no_data_is_inconclusive(gate: str) -> None:
    assert asked(gate, ledger()).verdict is INCONCLUSIVE


@pytest.mark.parametrize("gate", ["safety", "delivery", "balance", "drift", "estimate"])
@pytest.mark.parametrize("dirty", [False, True])
def test_a_good_version_passes_on_clean_and_on_dirty_devices(gate: str, dirty: bool) -> None:
    found = asked(gate, busy(dirty=dirty))

    assert found.verdict is PASS, found.sentence


def test_every_result_is_plain_json_and_says_why() -> None:
    for gate in sorted(GATES):
        found = asked(gate, busy()).to_json()
        assert found["gate"] == gate
        assert len(str(found["sentence"])) > 10


# Safety.


def test_one_of_two_devices_that_rejects_it_is_too_many() -> None:
    found = asked("safety", busy(), members={"cam-0": RUNS, "cam-1": ExecutionState.REJECTED})

    assert found.verdict is FAIL
    assert found.sentence == "1 of 2 devices is not well: cam-1 (rejected)"


def test_a_device_that_starts_again_and_again_is_not_well_but_once_is_no_matter() -> None:
    once = asked("safety", busy(), reboots={"cam-0": 1})
    loop = asked("safety", busy(), reboots={"cam-0": 2})

    assert (once.verdict, loop.verdict) == (PASS, FAIL)


def test_a_power_cut_that_hits_everybody_is_not_the_candidates_fault() -> None:
    everybody = dict.fromkeys([*TWO, *OTHERS], 3)

    assert asked("safety", busy(), reboots=everybody).verdict is PASS


def test_one_bad_device_among_many_is_put_up_with_while_the_others_are_on_their_way() -> None:
    members = {f"cam-{n}": ExecutionState.IN_PROGRESS for n in range(20)}
    early = {**members, "cam-0": RUNS, "cam-1": ExecutionState.FAILED}
    half = {f"cam-{n}": ExecutionState.FAILED for n in range(8)}

    assert asked("safety", busy(), members=early, others=[]).verdict is PASS
    assert asked("safety", busy(), members={**members, **half}, others=[]).verdict is FAIL


def test_calls_that_fail_more_often_than_the_controls_fail_the_stage() -> None:
    failing, unlucky, same = ledger(), ledger(), ledger()
    for source, failures in ((failing, 40), (unlucky, 3), (same, 40)):
        source.add(NEW, STURDY, list(TWO), failures=failures)
        source.add(OLD, FRAGILE, OTHERS, failures=40 if source is same else 0)

    assert asked("safety", failing).verdict is FAIL
    assert asked("safety", unlucky).verdict is INCONCLUSIVE
    assert asked("safety", same).verdict is PASS


# Delivery.


def test_delivery_counts_reachable_devices_and_waits_for_slow_ones() -> None:
    slow = {**TWO, "cam-2": ExecutionState.IN_PROGRESS}
    stuck = {**TWO, "cam-2": ExecutionState.TIMED_OUT}

    assert asked("delivery", ledger(), members=slow).verdict is INCONCLUSIVE
    assert asked("delivery", ledger(), members=slow, away=["cam-2"]).verdict is PASS
    assert asked("delivery", ledger(), members=stuck).verdict is FAIL
    assert asked("delivery", ledger(), members=slow, away=list(slow)).verdict is INCONCLUSIVE


# Balance.


def test_cohorts_with_traffic_that_changed_are_not_compared() -> None:
    source = busy()
    source.add(OLD, FRAGILE, OTHERS, rows=1500, seed=9)

    found = asked("balance", source)

    assert found.verdict is INCONCLUSIVE
    assert "times a control device's traffic" in found.sentence


def test_a_stage_that_is_hardly_heard_of_is_not_compared() -> None:
    source = ledger()
    source.add(NEW, STURDY, ["cam-0"])
    source.add(OLD, FRAGILE, OTHERS)
    members = {f"cam-{n}": RUNS for n in (0, 11, 12)}

    found = asked("balance", source, members=members)

    assert found.sentence == "only 1 of 3 devices that run it sent statistics"


def test_balance_is_asked_only_where_there_is_somebody_to_compare_with() -> None:
    assert GATES["balance"].applies(scene_of(busy(), members=TWO, others=OTHERS))
    assert not GATES["balance"].applies(scene_of(busy(), members=TWO))


# Agreement.


def shadowed(behaviour: Behaviour, *, dirty: bool = False) -> Ledger:
    source = ledger()
    rng = random.Random(4)
    profile = shadow_window(NEW, behaviour, FRAGILE, rng, rows=600, dirty=dirty)
    source.put(NEW, Role.SHADOW, "cam-0", profile, rows=600)
    source.add(OLD, FRAGILE, ["cam-0"], rows=600, dirty=dirty)
    return source


def test_agreement_is_asked_for_where_the_serving_version_is_right() -> None:
    alike = asked("agreement", shadowed(STURDY), mode=Mode.SHADOW)
    better = asked("agreement", shadowed(STURDY, dirty=True), mode=Mode.SHADOW)
    worse = asked("agreement", shadowed(BAD), mode=Mode.SHADOW)

    assert alike.verdict is PASS
    assert better.verdict is PASS
    assert better.evidence["agreement"] < alike.evidence["needed"]  # type: ignore[operator]
    assert worse.verdict is FAIL


def test_agreement_is_asked_in_shadow_only() -> None:
    shadow = scene_of(ledger(), members=TWO, mode=Mode.SHADOW)
    serve = scene_of(ledger(), members=TWO)
    first = scene_of(ledger(), members=TWO, mode=Mode.SHADOW, previous=None)

    applies = GATES["agreement"].applies
    assert (applies(shadow), applies(serve), applies(first)) == (True, False, False)


# Drift.


def test_predictions_that_drift_on_clean_devices_fail() -> None:
    source = ledger()
    source.add(NEW, BAD, list(TWO), rows=600)  # nothing like what it predicted on its reference
    source.add(OLD, FRAGILE, OTHERS, rows=600)

    found = asked("drift", source)

    assert found.verdict is FAIL
    assert found.evidence["excess_at_least"] > 0.1  # type: ignore[operator]


def test_predictions_that_drift_no_more_than_before_pass() -> None:
    found = asked("drift", busy(dirty=True, behaviour=FRAGILE))

    assert found.verdict is PASS, found.sentence


def test_inputs_that_changed_on_the_stages_devices_only_leave_it_open() -> None:
    source = ledger()
    source.add(NEW, STURDY, list(TWO), rows=600, dirty=True)
    source.add(OLD, FRAGILE, OTHERS, rows=600)
    source.add(OLD, FRAGILE, list(TWO), rows=600, at_s=BEFORE_S)
    source.add(OLD, FRAGILE, OTHERS, rows=600, at_s=BEFORE_S)

    found = asked("drift", source)

    assert found.verdict is INCONCLUSIVE
    assert found.evidence["changed_inputs"] == ["x"]


def test_inputs_that_changed_everywhere_do_not() -> None:
    source = ledger()
    source.add(NEW, STURDY, list(TWO), rows=600, dirty=True)
    source.add(OLD, FRAGILE, OTHERS, rows=600, dirty=True)
    source.add(OLD, FRAGILE, list(TWO), rows=600, at_s=BEFORE_S)
    source.add(OLD, FRAGILE, OTHERS, rows=600, at_s=BEFORE_S)

    assert asked("drift", source).verdict is PASS


# Estimate.


def test_an_estimate_far_below_the_controls_fails() -> None:
    source = ledger()
    source.add(BAD_PACKAGE, BAD, list(TWO))
    source.add(OLD, FRAGILE, OTHERS)

    found = asked("estimate", source, candidate=BAD_PACKAGE)

    assert found.verdict is FAIL
    assert found.sentence.startswith("estimated accuracy 0.1")
    assert found.evidence["loss_at_least"] > 0.5  # type: ignore[operator]
    assert "concept drift" in str(found.evidence["note"])


def test_without_a_concurrent_control_changed_inputs_leave_a_lower_estimate_open() -> None:
    clean, dirty = ledger(), ledger()
    for source in (clean, dirty):
        source.add(OLD, FRAGILE, list(TWO), rows=600, at_s=10_010.0)
        source.add(
            NEW, FRAGILE if source is dirty else BAD, list(TWO), rows=600, dirty=source is dirty
        )

    blamed = asked("estimate", clean, others=[], index=3)
    left_open = asked("estimate", dirty, others=[], index=3)

    assert blamed.verdict is FAIL
    assert left_open.verdict is INCONCLUSIVE
    assert "inputs have changed since, x most" in left_open.sentence


def test_a_version_without_labels_is_not_estimated() -> None:
    bare = package_of(STURDY, "1.1.0", rows=0, seed=2)
    source = Ledger({package.digest: package for package in (OLD, bare)})

    scene = scene_of(source, members=TWO, others=OTHERS, candidate=bare)

    assert not GATES["estimate"].applies(scene)


# Labelled.


def labelled(accuracy: float, *, rows: int) -> Profile:
    profile = NEW.specs[Role.LABELS].empty()
    for row in range(rows):
        right = row < accuracy * rows
        profile.observe(0, (1.0, 1.0 if right else 2.0, 0.9))
    return profile


@pytest.mark.parametrize(
    ("accuracy", "rows", "verdict"),
    [(0.95, 3000, PASS), (0.6, 600, FAIL), (0.93, 200, INCONCLUSIVE), (0.6, 100, INCONCLUSIVE)],
)
def test_where_labels_arrive_they_decide(accuracy: float, rows: int, verdict: Verdict) -> None:
    source = ledger()
    source.put(NEW, Role.LABELS, "cam-0", labelled(accuracy, rows=rows), rows=rows)
    source.put(OLD, Role.LABELS, "cam-5", labelled(0.95, rows=3000), rows=3000)

    found = asked("labelled", source)

    assert found.verdict is verdict, found.sentence


def test_labels_are_not_waited_for() -> None:
    assert not GATES["labelled"].required
