"""Looks at a plan before anything is told to anybody: who can run it, in which order, what it sees.

Nothing here changes anything. What is refused here would fail later; what is only warned of may.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cloud_sync.core.facts import DeviceFacts, EvidenceSource, PackageFacts
from cloud_sync.core.rollout.base import Mode, Stage
from cloud_sync.core.rollout.cohort import newcomers, quota
from cloud_sync.core.rollout.fitness import objection
from cloud_sync.core.rollout.objections import (
    about_inputs,
    about_interfaces,
    about_sight,
    about_start,
)
from cloud_sync.core.rollout.plan import RolloutPlan
from cloud_sync.core.rollout.power import (
    GateNoise,
    Sides,
    Sight,
    best_of,
    noise_of_estimate,
    noise_of_labels,
    sight_of,
)
from cloud_sync.core.rollout.spans import in_words
from cloud_sync.core.rollout.zones import zone_of
from edge_contract.maintenance import is_open, next_opening_unix_s
from edge_contract.package import Role
from edge_contract.stats import Labels, LabelsSpec

__all__ = ["Preflight", "StageForecast", "examine"]

_NAMED = 10


@dataclass(frozen=True, slots=True)
class StageForecast:
    """What a stage will be, as things stand.

    Attributes:
        name: Its name.
        mode: ``load``, ``shadow`` or ``serve``.
        devices: How many devices are in it.
        first: The first of them.
        control: How many are left to compare with at the same time.
        shortest_s: How long it takes at least: telling and baking.
        sentence: What it can see.
        sights: The numbers behind that, by gate.
    """

    name: str
    mode: str
    devices: int
    first: Sequence[str]
    control: int
    shortest_s: float
    sentence: str
    sights: Sequence[Sight]


@dataclass(frozen=True, slots=True)
class Preflight:
    """What would come of a plan.

    Attributes:
        problems: Why it should not start; empty if nothing speaks against it.
        warnings: What may go wrong.
        devices: How many devices it is for.
        stages: What each stage will be.
    """

    problems: Sequence[str]
    warnings: Sequence[str]
    devices: int
    stages: Sequence[StageForecast]


@dataclass(frozen=True, slots=True)
class _Traffic:
    """Rows and labelled rows of one device in a second; 0 where none were seen lately."""

    rows_per_s: float
    labels_per_s: float
    labels: Sequence[Labels]


def examine(
    plan: RolloutPlan,
    devices: Mapping[str, DeviceFacts],
    source: EvidenceSource,
    *,
    candidate: PackageFacts,
    previous: PackageFacts | None,
    salt: str,
    now_unix_s: float,
) -> Preflight:
    """Return what would come of a plan.

    Args:
        plan: What is asked for.
        devices: All that it is for.
        source: Where statistics come from.
        candidate: What is to be rolled out.
        previous: What the devices run; ``None`` if there is nothing.
        salt: That decides which devices come first.
        now_unix_s: Now.
    """
    objections = {name: objection(candidate, facts) for name, facts in devices.items()}
    unfit = {name: text for name, text in objections.items() if text}
    problems, warnings = _about_devices(plan, devices, unfit)
    problems += about_start(plan, now_unix_s) + about_inputs(candidate, previous)
    warnings += about_interfaces(candidate, previous)
    warnings += _about_windows(plan, devices, now_unix_s)
    traffic = _traffic(plan, devices, source, previous=previous, now_unix_s=now_unix_s)
    if previous is not None and not traffic.rows_per_s:
        warnings.append(
            f"{previous.manifest.reference} has seen no rows in the last "
            f"{in_words(plan.baseline_s)}: nobody can tell what stages will see"
        )
    noises = _noises(candidate, previous, traffic)
    stages: list[StageForecast] = []
    members: list[str] = []
    for stage in plan.stages():
        members += newcomers(
            devices,
            members,
            fraction=stage.fraction,
            count=stage.count,
            salt=salt,
            left_out=unfit,
        )
        stages.append(_forecast(plan, stage, members, len(devices), noises, traffic))
    problems += _about_sizes(plan, len(devices))
    if previous is not None and devices:
        sights = [sight for stage in stages for sight in stage.sights]
        rows, known = bool(traffic.rows_per_s), bool(noises)
        blind = about_sight(plan, sights, has_rows=rows, can_tell=known)
        # What the errors of numbers will show is not forecast, so nobody is held up by that.
        (problems if candidate.manifest.classes else warnings).extend(blind)
    return Preflight(problems, warnings, len(devices), stages)


def _about_devices(
    plan: RolloutPlan, devices: Mapping[str, DeviceFacts], unfit: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    if not devices:
        whom = f"device with {plan.target}" if plan.target else "device"
        return [], [f"there is no {whom} yet; it waits for the first one"]
    if not unfit:
        return [], []
    name, text = next(iter(sorted(unfit.items())))
    what = f"{len(unfit)} of {len(devices)} devices cannot run it, {name} for one: {text}"
    if len(unfit) > plan.unhealthy_share * len(devices):
        return [what], []
    return [], [f"{what}; they are left out"]


def _about_windows(
    plan: RolloutPlan, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> list[str]:
    windows, begins_unix_s = plan.maintenance, max(now_unix_s, plan.start_at_unix_s)
    zones = [zone_of(one.tags, one.facts, default=plan.time_zone) for one in devices.values()]
    closed = [zone for zone in zones if not is_open(windows, zone, begins_unix_s)]
    if not closed:
        return []
    opens = min(next_opening_unix_s(windows, zone, begins_unix_s) for zone in set(closed))
    return [
        f"the maintenance windows of {len(closed)} of {len(devices)} devices are closed when it "
        f"begins; the first of them opens {in_words(opens - begins_unix_s)} later"
    ]


def _about_sizes(plan: RolloutPlan, devices: int) -> list[str]:
    found: list[str] = []
    before = 0
    for stage in plan.stages() if devices else ():
        if stage.count > devices:
            found.append(f"{stage.name} asks for {stage.count} devices, there are {devices}")
        size = quota(stage.fraction, devices, count=stage.count)
        if size < before:
            found.append(f"{stage.name} is {size} of {devices} devices, fewer than before it")
        before = max(before, size)
    return found


def _traffic(
    plan: RolloutPlan,
    devices: Mapping[str, DeviceFacts],
    source: EvidenceSource,
    *,
    previous: PackageFacts | None,
    now_unix_s: float,
) -> _Traffic:
    if previous is None or not devices:
        return _Traffic(0.0, 0.0, ())
    names, since = frozenset(devices), now_unix_s - plan.baseline_s
    digest = previous.digest
    counted = source.by_device(digest, Role.PRIMARY, since_unix_s=since, subjects=())
    rows = sum(one.counters.rows for name, one in counted.items() if name in names)
    truths = source.by_device(digest, Role.LABELS, since_unix_s=since)
    found = (
        one.profile.find("labels", LabelsSpec.kind) for name, one in truths.items() if name in names
    )
    labels = [one for one in found if isinstance(one, Labels) and one.count > one.unknown]
    each = len(devices) * max(plan.baseline_s, 1.0)
    known = sum(one.count - one.unknown for one in labels)
    return _Traffic(rows / each, known / each, labels)


def _noises(
    candidate: PackageFacts, previous: PackageFacts | None, traffic: _Traffic
) -> list[GateNoise]:
    if previous is None:
        return []
    found = [noise_of_estimate(candidate, previous)]
    if traffic.labels_per_s:
        found.append(noise_of_labels(previous, traffic.labels))
    return [noise for noise in found if noise is not None]


def _forecast(
    plan: RolloutPlan,
    stage: Stage,
    members: Sequence[str],
    devices: int,
    noises: Sequence[GateNoise],
    traffic: _Traffic,
) -> StageForecast:
    size, control = len(members), devices - len(members)
    sights: list[Sight] = []
    if stage.mode is Mode.SHADOW:
        control = size
    for noise in noises:
        rate = traffic.labels_per_s if noise.gate == "labelled" else traffic.rows_per_s
        if noise.gate in stage.gates and control and size and rate:
            before = plan.baseline_s if stage.mode is Mode.SERVE else 0.0
            sides = Sides(
                rate * size,
                rate * control,
                size,
                control,
                rate * size * before,
                rate * control * before,
            )
            sights.append(
                sight_of(
                    plan,
                    noise,
                    sides,
                    stages=len(plan.stages()),
                    min_rows=stage.rule(noise.gate).min_rows or stage.min_rows,
                    within_s=stage.bake_s + stage.max_wait_s,
                )
            )
    telling_s = 60.0 * size / plan.devices_per_minute if plan.devices_per_minute else 0.0
    return StageForecast(
        stage.name,
        stage.mode.value,
        size,
        list(members[:_NAMED]),
        control,
        telling_s + stage.bake_s,
        _sentence(plan, stage, sights, size=size, control=control),
        sights,
    )


def _sentence(
    plan: RolloutPlan, stage: Stage, sights: Sequence[Sight], *, size: int, control: int
) -> str:
    beside = "the serving version beside it" if stage.mode is Mode.SHADOW else f"{control} others"
    who = f"{stage.name}, {size} against {beside},"
    best = best_of(sights)
    if best is None:
        return f"{stage.name}, {size} in all: asks for health, compares no quality concurrently"
    if best.seconds is not None:
        return (
            f"{who} can detect a loss of {best.effect * 100:.3g} % with power {best.power} "
            f"in about {in_words(max(best.seconds, stage.bake_s / 60))} "
            f"({best.gate}, {best.rows:,} rows)"
        )
    if best.smallest == float("inf"):
        return f"{who} has too little traffic for {stage.min_rows:,} rows before its wait is over"
    limit = in_words(stage.bake_s + stage.max_wait_s)
    text = f"a loss of {best.smallest * 100:.3g} % with power {best.power} within {limit}"
    asked = f", not one of {plan.detect * 100:.3g} %" if plan.detect else ""
    return f"{who} can detect {text}{asked} ({best.gate})"
