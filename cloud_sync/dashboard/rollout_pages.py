"""Pages of rollouts: all of them, and one with its stages, devices and the evidence of verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import Final

from cloud_sync.backend import CloudBackend, RolloutEventView, RolloutView
from cloud_sync.dashboard.charts import Segment, stacked
from cloud_sync.dashboard.evidence import gate_lines

__all__ = [
    "Cohort",
    "RolloutPage",
    "RolloutPanel",
    "RolloutsPage",
    "Verdict",
    "rollout_page_of",
    "rollout_panel",
    "rollouts_page_of",
]

_ON_PAGE: Final = 50
_VERDICTS: Final = 12
_NAMED: Final = 100
_NO_VERDICT: Final = frozenset({"exposed"})  # evidence of an end, which no gate gave
_STEERING: Final = ("approve", "resume", "retry", "pause", "rollback", "abort")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What gates found at one time; the headline leaves out the reasons that they give below it."""

    event: RolloutEventView
    headline: str


@dataclass(frozen=True, slots=True)
class Cohort:
    """Devices of a rollout that are equally far, the first ones by name."""

    state: str
    devices: int
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class RolloutPanel:
    """A rollout with what an operator may do now, and the verdicts on it, the last one first."""

    view: RolloutView
    headline: str
    actions: Sequence[str]
    segments: Sequence[Segment]
    cohorts: Sequence[Cohort]
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class RolloutPage:
    """One rollout; on its own page no others are listed."""

    rollout: RolloutPanel
    other_rollouts: Sequence[RolloutView] = ()


@dataclass(frozen=True, slots=True)
class RolloutsPage:
    """Rollouts, newest first."""

    rollouts: Sequence[RolloutView]
    after: str
    next_after: str


def rollout_page_of(backend: CloudBackend, rollout_id: str) -> RolloutPage:
    """Ask the backend for a rollout; raises ``NotFoundError``."""
    return RolloutPage(rollout_panel(backend.rollout(rollout_id)))


def rollouts_page_of(backend: CloudBackend, after: str) -> RolloutsPage:
    """Ask the backend for rollouts past one; past one that is not there there are none."""
    found: Sequence[RolloutView] = backend.rollouts()
    if after:
        found = list(dropwhile(lambda one: one.rollout_id != after, found))[1:]
    shown = found[:_ON_PAGE]
    return RolloutsPage(shown, after, shown[-1].rollout_id if len(found) > _ON_PAGE else "")


def rollout_panel(view: RolloutView) -> RolloutPanel:
    """Return what a page shows of a rollout."""
    judged = [event for event in reversed(view.events) if event.evidence.keys() - _NO_VERDICT]
    verdicts = [Verdict(event, _headline(event.sentence, event)) for event in judged[:_VERDICTS]]
    return RolloutPanel(
        view=view,
        headline=_headline(view.sentence, judged[0] if judged else None),
        actions=[action for action in _STEERING if action in view.actions],
        segments=stacked(view.executions),
        cohorts=_cohorts(view),
        verdicts=verdicts,
    )


def _cohorts(view: RolloutView) -> list[Cohort]:
    names: dict[str, list[str]] = {}
    for name, state in sorted(view.executions.items()):
        names.setdefault(state, []).append(name)
    return [Cohort(state, len(some), some[:_NAMED]) for state, some in sorted(names.items())]


def _headline(sentence: str, verdict: RolloutEventView | None) -> str:
    """Return a sentence without what the gates of the verdict say as well."""
    gates = [] if verdict is None else gate_lines(verdict.evidence)
    if gates and all(gate.sentence in sentence for gate in gates):
        return sentence.partition(": ")[0]
    return sentence
