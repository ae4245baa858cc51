"""Rollouts on a virtual clock: false rollbacks, delay and exposure by effect size, and faults.

The rollout machine, its gates and their statistics are the product's own; devices and counts are
simulated. The tables of ``docs/rollouts.md`` are written from a full run.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.harness import Figure, benchmark
from benchmarks.rollout_fleet import Faults
from benchmarks.rollout_kills import KILLS, run_killed
from benchmarks.rollout_models import Version
from benchmarks.rollout_rules import RULES
from benchmarks.rollout_runs import Case, Outcome, run

__all__ = ["rollouts"]

_PAGE: Final = Path(__file__).parents[1] / "docs" / "rollouts.md"
_BEGIN: Final = "<!-- begin: {}, written by python -m benchmarks rollouts -->"
_END: Final = "<!-- end -->"
_ALPHA: Final = 0.01
_NEW: Final = "1.1.0"

_BAD: Final = (
    Version(_NEW, seen=0.03),
    Version(_NEW, seen=0.05),
    Version(_NEW, seen=0.10),
    Version(_NEW, hidden=0.06),
    Version(_NEW, hidden=0.10),
    Version(_NEW, hidden=0.20),
    Version(_NEW, failing=0.03),
    Version(_NEW, failing=0.10),
    Version(_NEW, slower=2.0),
    Version(_NEW, slower=4.0),
    Version(_NEW, crashing=0.2),
    Version(_NEW, crashing=0.5),
)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How much is simulated."""

    same: int
    known: int
    bad: int
    fleet: int
    faults: int
    detect: float
    min_rows: int


_FULL: Final = _Sizes(
    same=1000, known=100, bad=20, fleet=300, faults=3000, detect=0.06, min_rows=2000
)
_QUICK: Final = _Sizes(same=4, known=2, bad=1, fleet=60, faults=60, detect=0.3, min_rows=200)


@benchmark
def rollouts(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Measure false rollbacks, delays, exposure, and what faults do to rollouts."""
    sizes = _QUICK if quick else _FULL
    with ExitStack() as stack:
        simulate: Callable[[list[Case]], Iterable[Outcome]] = partial(map, run)
        if not quick:
            workers = ProcessPoolExecutor(
                min(os.cpu_count() or 1, 4), mp_context=get_context("spawn")
            )
            stack.enter_context(workers)
            simulate = partial(workers.map, run, chunksize=4)

        def outcomes(case: Case, times: int) -> list[Outcome]:
            first = seed * 1_000_000
            asked = replace(case, detect=sizes.detect, min_rows=sizes.min_rows)
            cases = [replace(asked, seed=first + n) for n in range(times)]
            return list(simulate(cases))

        same, same_rows = _same(outcomes, sizes)
        known = _known(outcomes, sizes)
        bad, bad_rows = _bad(outcomes, sizes)
        faults, fault_rows = _faults(outcomes, sizes)
        kills, kill_rows = _kills(sizes, seed)
    if not quick:
        _write("same", same_rows)
        _write("bad", bad_rows)
        _write("faults", fault_rows)
        _write("kills", kill_rows)
        _write("promise", _promise_rows(known))
    return [*same, *known, *bad, *faults, *kills]


_Outcomes = Callable[[Case, int], list[Outcome]]


def _same(outcomes: _Outcomes, sizes: _Sizes) -> tuple[list[Figure], list[Sequence[str]]]:
    """Roll out versions that are as good as the serving one, and some that are worse."""
    size = sizes.fleet
    good = Case(version=Version(_NEW), size=size, rules=True)
    found = outcomes(good, sizes.same)
    worse = outcomes(replace(good, version=Version(_NEW, hidden=0.06)), sizes.known)
    at_margin = outcomes(replace(good, version=Version(_NEW, hidden=0.03)), sizes.known)
    figures = [
        _share("A/A rollouts rolled back", found, lambda one: one.state == "rolled_back", _ALPHA),
        _share("A/A rollouts promoted", found, lambda one: one.state == "succeeded"),
        _share("A/A rollouts that wait for a person", found, lambda one: one.state == "paused"),
        _share("rolled back: a loss of just the margin", at_margin, _back, _ALPHA),
        _share("rolled back: a hidden loss of 0.06", worse, _back),
    ]
    rows: list[Sequence[str]] = [
        ("rule", "false rollbacks", "finds a hidden loss of 0.06", "median minutes until then"),
        ("---", "---", "---", "---"),
        (
            "this project's gates, alpha 0.01",
            _of(_number(found, _back), found),
            _of(_number(worse, _back), worse),
            _minutes([one.delay_min for one in worse if one.state == "rolled_back"]),
        ),
    ]
    for rule in RULES:
        false, right = (
            [one.fired_min[rule] for one in some if rule in one.fired_min]
            for some in (found, worse)
        )
        rows.append((rule, _of(len(false), found), _of(len(right), worse), _minutes(right)))
        figures.append(Figure(f"A/A: {rule}", len(false) / len(found), "share rolled back"))
    return figures, rows


def _known(outcomes: _Outcomes, sizes: _Sizes) -> list[Figure]:
    """Ask whether losses are found as soon as was said before the start."""
    size = 2 * sizes.fleet
    found = outcomes(Case(version=Version(_NEW, hidden=0.06), size=size, shadow=False), sizes.known)
    said = [one for one in found if one.promised_min is not None]
    kept = [
        one
        for one in said
        if one.delay_min is not None
        and one.state == "rolled_back"
        and one.delay_min <= (one.promised_min or 0.0) + 12.0
    ]
    return [
        Figure(
            "promised: minutes until a loss of 0.06 is found",
            median([one.promised_min or 0.0 for one in said]) if said else None,
            "min",
            peer="said before the start, power 0.9",
        ),
        Figure(
            "found by then",
            len(kept) / len(said) if said else None,
            "share",
            target=0.9,
            at_most=False,
            peer="12 minutes for loading and trial",
        ),
        Figure(
            "minutes until it is found",
            median([one.delay_min or 0.0 for one in kept]) if kept else None,
            "min",
            peer="of those found by then",
        ),
    ]


def _bad(outcomes: _Outcomes, sizes: _Sizes) -> tuple[list[Figure], list[Sequence[str]]]:
    """Roll out bad versions, without shadow so that somebody is exposed, and with it."""
    rows: list[Sequence[str]] = [
        (
            "candidate", "rolled back", "paused", "promoted", "minutes to the verdict",
            "devices exposed", "device-hours exposed", "by gate",
            "with shadow: device-hours exposed",
        ),
        ("---",) * 9,
    ]  # fmt: skip
    figures: list[Figure] = []
    for version in _BAD if sizes is _FULL else _BAD[1::4]:
        case = Case(version=version, size=sizes.fleet, shadow=False)
        found = outcomes(case, sizes.bad)
        shadowed = outcomes(replace(case, shadow=True), sizes.bad)
        title = _title(version)
        hours = median([one.exposed_device_h for one in found])
        gates = sorted({one.failed_gate for one in found if one.failed_gate})
        rows.append(
            (
                title,
                _of(_number(found, _back), found),
                _of(_number(found, lambda one: one.state == "paused"), found),
                _of(_number(found, lambda one: one.state == "succeeded"), found),
                _minutes([one.delay_min for one in found if one.delay_min is not None]),
                f"{median([one.exposed for one in found]):.0f} of {sizes.fleet}",
                f"{hours:.1f}",
                ", ".join(gates),
                f"{median([one.exposed_device_h for one in shadowed]):.1f}",
            )
        )
        figures.append(Figure(f"{title}: device-hours exposed", hours, "h"))
        figures.append(_share(f"{title}: promoted", found, lambda one: one.state == "succeeded"))
    return figures, rows


def _faults(outcomes: _Outcomes, sizes: _Sizes) -> tuple[list[Figure], list[Sequence[str]]]:
    """Let things go wrong in a large fleet."""
    size = sizes.faults
    good, bad = Version(_NEW), Version(_NEW, seen=0.1)
    plain = Case(version=good, size=size)
    lossy = Faults(unreachable=0.2, lost_reports=0.3, joining=10, kill=True)
    cases = (
        ("nothing", plain),
        ("20 % are away", replace(plain, faults=Faults(unreachable=0.2))),
        ("30 % of reports are lost", replace(plain, faults=Faults(lost_reports=0.3))),
        ("10 devices join every 2 minutes", replace(plain, faults=Faults(joining=10))),
        ("at most 30 devices a minute", replace(plain, per_minute=30.0)),
        ("2 % roll back themselves", replace(plain, version=replace(good, crashing=0.02))),
        ("cloud killed at every look", replace(plain, faults=Faults(kill=True))),
        ("all of this, a good version", replace(plain, faults=lossy, per_minute=30.0)),
        (
            "all of this, a bad version",
            replace(plain, version=bad, shadow=False, faults=lossy, per_minute=30.0),
        ),
    )
    rows: list[Sequence[str]] = [
        ("what goes wrong", "outcome", "hours", "devices that served it", "within its stage"),
        ("---",) * 5,
    ]
    figures: list[Figure] = []
    within = True
    for title, case in cases if sizes is _FULL else cases[3:8:2]:
        (found,) = outcomes(case, 1)
        within = within and found.within
        rows.append(
            (
                title,
                found.state.replace("_", " "),
                f"{found.hours:.1f}",
                f"{found.exposed:,} of {case.size:,}",
                "always" if found.within else "NO",
            )
        )
        wanted = "rolled_back" if case.version.seen else "succeeded"
        ended = float(found.state == wanted)
        figures.append(Figure(f"{title}: ends as it should", ended, "", 1.0, at_most=False))
    figures.append(
        Figure("never more devices than its stage", float(within), "", 1.0, at_most=False)
    )
    return figures, rows


def _kills(sizes: _Sizes, seed: int) -> tuple[list[Figure], list[Sequence[str]]]:
    """Kill the cloud in every state, at each look, and see whether it ends as without that."""
    rows: list[Sequence[str]] = [
        ("killed while it is", "times", "outcome", "devices that serve what they should"),
        ("---",) * 4,
    ]
    right = True
    for where in KILLS if sizes is _FULL else KILLS[::4]:
        found = run_killed(where, size=sizes.fleet, min_rows=sizes.min_rows, seed=seed)
        right = right and found.is_right
        rows.append(
            (
                where.replace("_", " "),
                str(found.times),
                found.state.replace("_", " "),
                f"{found.right} of {found.devices}",
            )
        )
    figure = Figure("killed in every state: ends as it should", float(right), "", 1.0)
    return [replace(figure, at_most=False)], rows


def _promise_rows(figures: Iterable[Figure]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [("promise", "measured"), ("---", "---")]
    return rows + [(one.name, f"{one.value:.3g} {one.unit}") for one in figures if one.value]


def _back(one: Outcome) -> bool:
    return one.state == "rolled_back"


def _number(found: Sequence[Outcome], test: Callable[[Outcome], bool]) -> int:
    return sum(map(test, found))


def _share(
    name: str,
    found: Sequence[Outcome],
    test: Callable[[Outcome], bool],
    target: float | None = None,
) -> Figure:
    peer = f"{len(found)} rollouts"
    return Figure(name, _number(found, test) / len(found), "share", target, peer=peer)


def _of(number: int, found: Sequence[Outcome]) -> str:
    return f"{number:,} of {len(found):,}"


def _minutes(found: Sequence[float | None]) -> str:
    known = [one for one in found if one is not None]
    return f"{median(known):.0f}" if known else ""


def _title(version: Version) -> str:
    if version.seen:
        return f"accuracy lower by {version.seen:.2f}, and less sure"
    if version.hidden:
        return f"accuracy lower by {version.hidden:.2f}, as sure as before"
    if version.failing:
        return f"{version.failing:.0%} of its calls fail"
    if version.slower > 1.0:
        return f"calls take {version.slower:.0f} times as long"
    return f"its trial fails on {version.crashing:.0%} of the devices"


def _write(name: str, rows: Sequence[Sequence[str]]) -> None:
    """Put a table between its marks in the page."""
    text = _PAGE.read_text()
    begin = _BEGIN.format(name)
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(_END)
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    _PAGE.write_text(f"{before}{begin}\n{table}\n{_END}{after}")
