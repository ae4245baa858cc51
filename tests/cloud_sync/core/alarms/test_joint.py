import json
import random
from dataclasses import replace

import pytest

from cloud_sync.core.alarms import AlarmBudget, Finding
from cloud_sync.core.alarms.joint import JointDetector, joint_detector
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError, UsageError
from edge_contract.package import Reference, Role
from edge_contract.stats import Column, JointSpec, Profile, ProfileSpec, VectorsSpec
from tests.support.behaviours import FRAGILE, package_of

PLAIN = package_of(FRAGILE, "1.0.0", rows=50)
SPEC = ProfileSpec(
    (
        Column("joint", JointSpec(("x", "y"), (0.0, 0.0), (1.0, 1.0), ((0, 1),))),
        Column("embedding", VectorsSpec((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))),
    )
)
BUDGET = AlarmBudget(per_month=1.0)
MINUTE_S = 60.0


def counted(rng: random.Random, *, rows: int, together: float = 0.8, moved: float = 0.0) -> Profile:
    profile = SPEC.empty()
    for _ in range(rows):
        x, other = rng.gauss(0.0, 1.0), rng.gauss(0.0, 1.0)
        profile.observe(0, (x, together * x + (1.0 - together**2) ** 0.5 * other))
        profile.observe(1, (rng.gauss(0.0, 1.0), rng.gauss(moved, 1.0), rng.gauss(0.0, 1.0)))
    return profile


def package(*, rows: int = 6000, tau: float = 1.0) -> PackageFacts:
    profile = counted(random.Random(1), rows=rows)
    reference = Reference(rows, profile, variance_inflation=tau)
    return PackageFacts(PLAIN.digest, replace(PLAIN.manifest, features=()), reference)


PACKAGE = package()


def feed(
    detector: JointDetector, portions: list[Profile], *, from_s: float = 0.0
) -> list[tuple[int, Finding]]:
    return [
        (number, finding)
        for number, portion in enumerate(portions, 1)
        for finding in detector.observe(portion, from_s + number * MINUTE_S)
    ]


def clean(count: int, seed: int = 2) -> list[Profile]:
    rng = random.Random(seed)
    return [counted(rng, rows=100) for _ in range(count)]


def test_nothing_is_raised_while_nothing_drifts() -> None:
    detector = JointDetector(PACKAGE, BUDGET)

    assert feed(detector, clean(100)) == []
    assert max(detector.evidence().values()) < 0.1
    assert detector.drifted() == frozenset()


def test_features_that_come_apart_are_found_though_each_looks_as_ever() -> None:
    rng = random.Random(3)
    detector = JointDetector(PACKAGE, BUDGET)
    feed(detector, clean(40))

    found = feed(detector, [counted(rng, rows=100, together=0.2) for _ in range(20)], from_s=2400.0)

    ((number, finding),) = found
    assert number <= 15
    assert (finding.subject, finding.kind) == ("joint", "joint")
    assert finding.text.startswith("move together otherwise: x and y, whose mean product is 0.")
    assert detector.drifted() == {"joint"}


def test_an_embedding_that_moves_is_found_with_its_component() -> None:
    rng = random.Random(4)
    detector = JointDetector(PACKAGE, BUDGET)
    feed(detector, clean(40))

    found = feed(detector, [counted(rng, rows=100, moved=0.4) for _ in range(20)], from_s=2400.0)

    ((number, finding),) = found
    assert number <= 10
    assert finding.subject == "embedding"
    assert finding.text.startswith("has moved: component 1 by +0.")
    assert detector.readings()["embedding"].evidence >= 1.0


def test_a_restart_forgets_nothing() -> None:
    rng = random.Random(5)
    portions = [*clean(35), *(counted(rng, rows=100, moved=0.5) for _ in range(10))]
    whole, restarted = JointDetector(PACKAGE, BUDGET), JointDetector(PACKAGE, BUDGET)
    seen_whole = feed(whole, portions)
    seen_restarted: list[tuple[int, Finding]] = []
    for number, portion in enumerate(portions, 1):
        state = json.loads(json.dumps(restarted.to_state(), allow_nan=False))
        restarted = JointDetector(PACKAGE, BUDGET, state)
        found = restarted.observe(portion, number * MINUTE_S)
        seen_restarted += [(number, one) for one in found]

    assert seen_whole
    assert [(n, one.subject) for n, one in seen_restarted] == [
        (n, one.subject) for n, one in seen_whole
    ]


def test_rows_that_repeat_each_other_slow_the_evidence() -> None:
    rng = random.Random(6)
    portions = [counted(rng, rows=100, moved=0.3) for _ in range(3)]
    quick, slow = (JointDetector(package(tau=tau), BUDGET) for tau in (1.01, 10.0))

    feed(quick, portions)
    feed(slow, portions)

    assert slow.evidence()["embedding"] < quick.evidence()["embedding"]


def test_rearming_lets_the_same_drift_be_raised_again() -> None:
    rng = random.Random(7)
    drifted = [counted(rng, rows=200, moved=1.0) for _ in range(20)]
    detector = JointDetector(PACKAGE, BUDGET)
    assert feed(detector, drifted)
    assert feed(detector, drifted, from_s=3600.0) == []

    detector.rearm()

    assert feed(detector, drifted, from_s=7200.0)


def test_portions_without_rows_change_nothing() -> None:
    detector = JointDetector(PACKAGE, BUDGET)

    assert feed(detector, [SPEC.empty()] * 10) == []
    assert detector.to_state() == JointDetector(PACKAGE, BUDGET).to_state()
    assert detector.readings() == {}


@pytest.mark.parametrize("rows", [0, 1, 50])
def test_a_tiny_reference_is_watched_without_nonsense(rows: int) -> None:
    detector = JointDetector(package(rows=rows), BUDGET)

    assert feed(detector, clean(60)) == []


def test_a_package_without_pairs_and_embedding_has_no_such_detector() -> None:
    assert joint_detector(PLAIN, BUDGET) is None
    assert joint_detector(PACKAGE, BUDGET) is not None


def test_counts_of_another_package_and_states_that_are_none_are_refused() -> None:
    detector = JointDetector(PACKAGE, BUDGET)

    with pytest.raises(UsageError, match=r"not of gate@1\.0\.0 in the primary role"):
        detector.observe(PLAIN.specs[Role.PRIMARY].empty(), 1.0)
    with pytest.raises(MessageError, match=r"joint detector\.last_unix_s is missing"):
        JointDetector(PACKAGE, BUDGET, {})
