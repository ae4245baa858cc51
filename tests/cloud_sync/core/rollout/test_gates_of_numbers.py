"""Gates of models that predict a number: no classes, no probabilities, no estimate."""

import random

import pytest

from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.rollout import ExecutionState, Mode
from cloud_sync.core.rollout.gates import GATES, GateResult, Verdict
from edge_contract.messages import Counters
from edge_contract.package import (
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Reference,
    Role,
    Task,
    TensorSpec,
    digest_of,
    prediction_columns,
)
from edge_contract.stats import Profile, ProfileSpec
from tests.support.scenes import SOAKING_S, Ledger, scene_of

MEMBERS = {"cam-0": ExecutionState.SUCCEEDED}
OTHERS = ["cam-1", "cam-2"]


def package_of_numbers(version: str) -> PackageFacts:
    """Predicts numbers around 20, three apart."""
    manifest = Manifest(
        name="gate",
        version=version,
        created="2026-02-03T04:05:06Z",
        task=Task.REGRESSION,
        inputs=(TensorSpec("rows", "float32", ("batch", 1)),),
        outputs=(OutputSpec(TensorSpec("y", "float32", ("batch", 1)), OutputRole.VALUE),),
        features=(Feature("x", 0, 0),),
    )
    profile = ProfileSpec(prediction_columns(manifest)).empty()
    rng = random.Random(1)
    for _ in range(3000):
        count(profile, rng.gauss(20.0, 3.0))
    return PackageFacts(digest_of(version.encode()), manifest, Reference(3000, profile))


def count(profile: Profile, value: float) -> None:
    profile.observe(0, (value,))
    profile.observe(1, (value,))


OLD, NEW = package_of_numbers("1.0.0"), package_of_numbers("1.1.0")


def serving(mean: float, *, rows: int = 2000) -> Ledger:
    """The candidate predicts around ``mean``, the control as it always did."""
    found = Ledger({OLD.digest: OLD, NEW.digest: NEW})
    rng = random.Random(2)
    for package, devices, around in ((NEW, list(MEMBERS), mean), (OLD, OTHERS, 20.0)):
        for device in devices:
            profile = package.specs[Role.PRIMARY].empty()
            for _ in range(rows):
                count(profile, rng.gauss(around, 3.0))
            found.put(package, Role.PRIMARY, device, profile, rows=rows)
    return found


def shadowed(gap: float, *, rows: int = 2000) -> Ledger:
    """In shadow the candidate predicts ``gap`` more than the serving version."""
    found = serving(20.0)
    profile = NEW.specs[Role.SHADOW].empty()
    rng = random.Random(3)
    for _ in range(rows):
        said = rng.gauss(20.0, 3.0)
        mine = said + rng.gauss(gap, 0.5)
        count(profile, mine)
        profile.observe(2, (float("nan"), said, float("nan"), mine))
    counters = Counters(rows, rows)
    found.rows.append((NEW.digest, Role.SHADOW, "cam-0", SOAKING_S, counters, profile))
    return found


def asked(gate: str, source: Ledger, *, mode: Mode = Mode.SERVE) -> GateResult:
    scene = scene_of(source, members=MEMBERS, others=OTHERS, mode=mode, candidate=NEW, previous=OLD)
    assert GATES[gate].applies(scene)
    return GATES[gate].judge(scene)


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [(0.0, Verdict.PASS), (0.15, Verdict.INCONCLUSIVE), (-1.0, Verdict.FAIL), (1.0, Verdict.FAIL)],
)
def test_in_shadow_the_mean_gap_counts(gap: float, verdict: Verdict) -> None:
    found = asked("agreement", shadowed(gap), mode=Mode.SHADOW)

    assert found.verdict is verdict, found.sentence


@pytest.mark.parametrize(("mean", "verdict"), [(20.0, Verdict.PASS), (26.0, Verdict.FAIL)])
def test_predicted_numbers_that_drift_fail(mean: float, verdict: Verdict) -> None:
    found = asked("drift", serving(mean))

    assert found.verdict is verdict, found.sentence


def test_without_probabilities_nothing_is_estimated() -> None:
    scene = scene_of(serving(20.0), members=MEMBERS, others=OTHERS, candidate=NEW, previous=OLD)

    assert not GATES["estimate"].applies(scene)


def labelled(package: PackageFacts, size: float, *, rows: int, seed: int) -> Profile:
    """Truths that are off what was predicted by ``size``, about."""
    profile = package.specs[Role.LABELS].empty()
    rng = random.Random(seed)
    for _ in range(rows):
        error = rng.gauss(0.0, size)
        profile.observe(0, (error,))
        profile.observe(1, (error,))
    return profile


@pytest.mark.parametrize(
    ("size", "rows", "verdict"),
    [
        (0.5, 2000, Verdict.PASS),
        (2.0, 2000, Verdict.FAIL),
        (1.05, 2000, Verdict.INCONCLUSIVE),
        (2.0, 100, Verdict.INCONCLUSIVE),
    ],
)
def test_where_truths_arrive_the_mean_error_decides(
    size: float, rows: int, verdict: Verdict
) -> None:
    source = serving(20.0)
    source.put(NEW, Role.LABELS, "cam-0", labelled(NEW, size, rows=rows, seed=1), rows=rows)
    source.put(OLD, Role.LABELS, "cam-1", labelled(OLD, 1.0, rows=3000, seed=2), rows=3000)

    found = asked("labelled", source)

    assert found.verdict is verdict, found.sentence
    assert f"of {rows} labelled rows against 0.795 of 3000" in found.sentence


def test_without_truths_on_both_sides_nothing_is_decided() -> None:
    source = serving(20.0)
    source.put(NEW, Role.LABELS, "cam-0", labelled(NEW, 1.0, rows=500, seed=1), rows=500)

    found = asked("labelled", source)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.sentence == "no labels on both sides yet"
