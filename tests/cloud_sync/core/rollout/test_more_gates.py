"""Latency, baseline, sample ratio, strata, and devices that differ."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from cloud_sync.core.facts import DeviceFacts, DeviceStatus, PackageFacts
from cloud_sync.core.rollout import ExecutionState
from cloud_sync.core.rollout.gates import GATES, GateResult, Verdict
from cloud_sync.core.rollout.gates.among_devices import spread_of, variance_among
from cloud_sync.core.rollout.gates.contrast import Measured, standardised
from cloud_sync.core.rollout.scene import Scene
from cloud_sync.core.rollout.strata import strata_of
from edge_contract.messages import Counters
from edge_contract.package import LATENCY, Evidence, Reference, Role
from edge_contract.stats import Column, Profile, ProfileSpec, SketchSpec
from tests.support.behaviours import FRAGILE, STURDY, package_of, window
from tests.support.scenes import SOAKING_S, Ledger, scene_of

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
RUNS = ExecutionState.SUCCEEDED
TWO = {"cam-0": RUNS, "cam-1": RUNS}
OTHERS = [f"cam-{n}" for n in range(2, 10)]


def timed(package: PackageFacts, **evidence: object) -> PackageFacts:
    """The same package, which counts how long calls take."""
    profile = package.reference.profile
    spec = ProfileSpec((*profile.spec.columns, Column(LATENCY, SketchSpec())))
    states = {index: profile[index] for index in range(len(profile.spec.columns))}
    reference = Reference(
        package.reference.rows, Profile(spec, states), package.reference.calibration
    )
    manifest = replace(package.manifest, evidence=Evidence(**evidence))  # type: ignore[arg-type]
    return PackageFacts(package.digest, manifest, reference)


OLD = timed(package_of(FRAGILE, "1.0.0", seed=1))
NEW = timed(package_of(STURDY, "1.1.0", seed=2), baseline={"accuracy": 0.9, "source": "a nurse"})


def ledger() -> Ledger:
    return Ledger({package.digest: package for package in (OLD, NEW)})


def calls(
    source: Ledger, package: PackageFacts, devices: Sequence[str], median_us: float, *,
    count: int = 2000, at_s: float = SOAKING_S,
) -> None:  # fmt: skip
    rng = random.Random(5)
    for device in devices:
        profile = package.specs[Role.PRIMARY].empty()
        for _ in range(count):
            profile.observe(
                len(profile.spec.columns) - 1, (median_us * math.exp(rng.gauss(0, 0.3)),)
            )
        source.rows.append(
            (package.digest, Role.PRIMARY, device, at_s, Counters(count, count), profile)
        )


def asked(gate: str, source: Ledger, **fields: object) -> GateResult:
    return GATES[gate].judge(scene(source, **fields))


def scene(source: Ledger, **fields: object) -> Scene:
    usual = {"members": TWO, "others": OTHERS, "candidate": NEW, "previous": OLD}
    return scene_of(source, **{**usual, **fields})  # type: ignore[arg-type]


# Latency.


@pytest.mark.parametrize(
    ("times", "verdict"), [(1.0, PASS), (1.3, PASS), (1.6, INCONCLUSIVE), (4.0, FAIL)]
)
def test_calls_may_take_half_as_long_again_but_not_much_more(
    times: float, verdict: Verdict
) -> None:
    source = ledger()
    calls(source, NEW, list(TWO), 10_000.0 * times)
    calls(source, OLD, OTHERS, 10_000.0)

    found = asked("latency", source)

    assert found.verdict is verdict, found.sentence


def test_devices_that_were_slow_before_are_not_the_candidates_fault() -> None:
    source = ledger()
    calls(source, NEW, list(TWO), 4000.0)
    calls(source, OLD, OTHERS, 1000.0)
    calls(source, OLD, list(TWO), 4000.0, at_s=9_000.0)
    calls(source, OLD, OTHERS, 1000.0, at_s=9_000.0)

    assert asked("latency", source).verdict is PASS


def test_twice_as_long_is_nothing_where_it_is_microseconds() -> None:
    source = ledger()
    calls(source, NEW, list(TWO), 40.0)
    calls(source, OLD, OTHERS, 10.0)

    found = asked("latency", source)

    assert found.verdict is PASS
    assert found.evidence["times_as_long"] > 3.0  # type: ignore[operator]


def test_few_calls_bound_nothing_and_nobody_waits_for_them() -> None:
    source = ledger()
    calls(source, NEW, list(TWO), 9000.0, count=20)
    calls(source, OLD, OTHERS, 1000.0)

    assert asked("latency", source).verdict is INCONCLUSIVE
    assert not GATES["latency"].required


# Baseline and labels.


def labelled(package: PackageFacts, right: int, rows: int) -> Profile:
    profile = package.specs[Role.LABELS].empty()
    for row in range(rows):
        profile.observe(0, (1.0, 1.0 if row < right else 2.0, 0.9))
    return profile


@pytest.mark.parametrize(("right", "verdict"), [(2850, PASS), (2550, INCONCLUSIVE), (2100, FAIL)])
def test_a_candidate_must_not_be_worse_than_a_person(right: int, verdict: Verdict) -> None:
    source = ledger()
    source.put(NEW, Role.LABELS, "cam-0", labelled(NEW, right, 3000), rows=3000)

    found = asked("baseline", source)

    assert found.verdict is verdict
    assert "a nurse reaches 0.9" in found.sentence


def test_a_package_without_a_baseline_is_not_asked_for_it() -> None:
    assert GATES["baseline"].applies(scene(ledger()))
    assert not GATES["baseline"].applies(scene(ledger(), candidate=OLD))


def test_two_devices_of_bad_luck_do_not_prove_a_version_worse() -> None:
    alike, unlike = ledger(), ledger()
    for source in (alike, unlike):
        for device in TWO:
            source.put(NEW, Role.LABELS, device, labelled(NEW, 1720, 2000), rows=2000)
        for number, device in enumerate(OTHERS):
            right = 1900 if source is alike else (1999, 1800, 1950, 1850)[number % 4]
            source.put(OLD, Role.LABELS, device, labelled(OLD, right, 2000), rows=2000)

    assert asked("labelled", alike).verdict is FAIL
    assert asked("labelled", unlike).verdict is INCONCLUSIVE


def test_the_variance_among_devices_is_what_rows_do_not_explain() -> None:
    rng = random.Random(3)
    same = [(sum(rng.random() < 0.9 for _ in range(500)), 500) for _ in range(200)]
    rates = [min(max(rng.gauss(0.9, 0.05), 0.0), 1.0) for _ in range(200)]
    unlike = [(sum(rng.random() < rate for _ in range(500)), 500) for rate in rates]

    assert variance_among([same], inflation=1.0) < 0.0001
    assert math.sqrt(variance_among([unlike], inflation=1.0)) == pytest.approx(0.05, rel=0.25)
    assert variance_among([[], [(5, 10)]], inflation=1.0) == 0.0
    assert spread_of([(9, 10), (8, 10)], 0.02) == pytest.approx(0.1)
    assert spread_of([], 0.02) == 0.0


# Balance.


def test_a_side_that_is_heard_of_less_often_is_a_mismatch() -> None:
    source = ledger()
    rng = random.Random(1)
    members = {f"cam-{n}": RUNS for n in range(60)}
    others = [f"cam-{n}" for n in range(60, 160)]
    one = window(NEW, STURDY, rng, rows=20, dirty=False)
    for name in list(members)[:36]:
        source.put(NEW, Role.PRIMARY, name, one, rows=20)
    old = window(OLD, FRAGILE, rng, rows=20, dirty=False)
    for name in others:
        source.put(OLD, Role.PRIMARY, name, old, rows=20)

    found = asked("balance", source, members=members, others=others)

    assert found.verdict is INCONCLUSIVE
    assert found.sentence == (
        "sample ratio mismatch: 36 of 60 devices with it are heard of, 100 of 100 without it"
    )


# Strata.


def device(name: str, machine: str, site: str = "oslo") -> DeviceFacts:
    tags = {"site": site, "serial": name}
    return DeviceFacts(name, DeviceStatus.ONLINE, facts={"machine": machine}, tags=tags)


def mixed() -> Mapping[str, DeviceFacts]:
    found = [device(f"arm-{n}", "aarch64") for n in range(6)]
    found += [device(f"pc-{n}", "x86_64") for n in range(6)]
    return {one.name: one for one in found}


def test_like_is_compared_with_like() -> None:
    devices = mixed()

    found = strata_of(["arm-0", "arm-1", "pc-0"], [n for n in devices if n[-1] > "1"], devices)

    assert [(one.title, len(one.mine), len(one.others)) for one in found] == [
        ("hardware=aarch64", 2, 4),
        ("hardware=x86_64", 1, 4),
    ]


def test_who_has_no_counterpart_is_compared_with_all() -> None:
    devices = {**mixed(), "new": device("new", "riscv64")}

    found = strata_of(["arm-0", "new"], ["arm-1", "pc-0", "pc-1"], devices)

    assert [(one.title, sorted(one.mine), sorted(one.others)) for one in found] == [
        ("hardware=aarch64", ["arm-0"], ["arm-1"]),
        ("all others", ["new"], ["pc-0", "pc-1"]),
    ]


def test_a_fleet_of_one_kind_has_no_strata() -> None:
    devices = {one.name: one for one in (device(f"arm-{n}", "aarch64") for n in range(9))}

    assert strata_of(["arm-0"], ["arm-1", "arm-2"], devices) == []


def test_a_canary_of_old_cameras_does_not_lose_against_new_ones() -> None:
    old_mine, old_others = Measured(0.80, 0.01, 900), Measured(0.80, 0.01, 100)
    new_mine, new_others = Measured(0.95, 0.01, 100), Measured(0.95, 0.01, 900)

    found = standardised([(old_mine, old_others), (new_mine, new_others), (None, new_others)])

    assert found is not None
    assert found.value == pytest.approx(0.815)  # as the canary's own: 0.9 * 0.80 + 0.1 * 0.95
    assert found.rows == 1000
    assert standardised([(old_mine, None)]) is None
