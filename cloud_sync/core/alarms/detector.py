"""The drift detector of one model version: watches its features and its prediction.

It takes *increments*: counts that were merged since it was last asked, each row once, in whatever
order and portions they arrive. That keeps its promise, because the promise is about the order of
arrival: while nothing drifts, each new portion multiplies a bet by a factor whose mean, given
everything that arrived before, is at most 1. A late window is just rows that arrive later. What
must not happen is that a row is taken in twice; so the state is to be kept together with the mark
up to which counts were taken. (If *which* rows come late depends on their values, as when cameras
with frozen lenses lose their link, the portion is a biased sample: that is a drift of what the
cloud sees, and shows as one.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.alarms.base import Finding, SubjectReading
from cloud_sync.core.alarms.budget import MONTH_S, AlarmBudget
from cloud_sync.core.alarms.watch import Watch
from cloud_sync.core.analysis.watched import watched_columns
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError, UsageError
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Profile

__all__ = ["DriftDetector", "Finding"]

_FIRST_S: Final = 60.0
_LONGEST_S: Final = 3600.0
"""A longer silence counts as one hour, so that the first rows after it do not alarm by trifles."""

_CALM: Final = 0.01
_CALM_S: Final = 3600.0
_MOST_EVIDENCE: Final = 1e6


@dataclass(slots=True)
class _Standing:
    """An alarm that stands, and since when its subject has been calm again."""

    calm_since_unix_s: float | None = None


class DriftDetector:
    """Raises each subject once, until it is re-armed.

    A subject is re-armed by :meth:`rearm`, or by itself when neither test has seen anything for an
    hour. A new version has a detector of its own.

    Args:
        package: What is watched.
        budget: How many false alarms it may raise; may be replaced at any time.
        state: What :meth:`to_state` returned earlier; ``None`` to begin.

    Raises:
        MessageError: ``state`` is no such state.
    """

    def __init__(
        self, package: PackageFacts, budget: AlarmBudget, state: "JsonObject | None" = None
    ) -> None:
        self.package = package
        self.budget = budget
        self._last_unix_s: float | None = None
        self._standing: dict[str, _Standing] = {}
        self._columns: dict[str, int] = {}
        self._watches: dict[str, Watch] = {}
        reference = package.reference
        for index, subject in watched_columns(reference.profile.spec):
            self._columns[subject] = index
            self._watches[subject] = Watch(
                reference.profile[index], inflation=reference.variance_inflation
            )
        if state is not None:
            self._restore(Reader(state, "drift detector", MessageError))

    def observe(
        self, increment: Profile, now_unix_s: float, *, stratum: str = ""
    ) -> Sequence[Finding]:
        """Take in counts of the primary role that were never taken in before.

        Returns:
            What drifted and had not been raised yet, the strongest evidence first.

        Raises:
            UsageError: The counts are of another package.
        """
        spec = self.package.reference.profile.spec
        if increment.spec is not spec and increment.spec != spec:
            raise UsageError(
                f"increment is not of {self.package.manifest.reference} in the primary role"
            )
        months = self._months_since_last(now_unix_s)
        granted = self.budget.gradual(len(self._watches)) * months
        level = self.budget.abrupt(len(self._watches)) * months
        found: list[Finding] = []
        anything = False
        for subject, watch in self._watches.items():
            reading = watch.observe(
                increment[self._columns[subject]],
                granted=granted,
                level=level,
            )
            anything = anything or reading.rows > 0
            finding = self._judged(subject, reading.abrupt, now_unix_s)
            if finding is not None:
                found.append(finding)
        if anything:
            self._last_unix_s = max(now_unix_s, self._last_unix_s or now_unix_s)
        return sorted(found, key=lambda finding: (-finding.evidence, -finding.ks))

    def evidence(self) -> dict[str, float]:
        """Return the e-detector's statistic over its threshold by subject; 1 or more alarms."""
        return {subject: self._ratio(watch) for subject, watch in self._watches.items()}

    def readings(self) -> dict[str, SubjectReading]:
        """Return where each subject stands that has seen any rows."""
        found: dict[str, SubjectReading] = {}
        for subject, watch in self._watches.items():
            distance, stability, rows = watch.distances()
            if rows:
                found[subject] = SubjectReading(self._ratio(watch), rows, distance, stability)
        return found

    def drifted(self) -> frozenset[str]:
        """Return the subjects that were raised and not re-armed."""
        return frozenset(self._standing)

    def rearm(self) -> None:
        """Forget all evidence and all standing alarms: the operator has seen to it."""
        self._standing.clear()
        for watch in self._watches.values():
            watch.forget()

    def to_state(self) -> JsonObject:
        """Return everything but package and budget."""
        return {
            "last_unix_s": self._last_unix_s,
            "standing": {
                subject: standing.calm_since_unix_s for subject, standing in self._standing.items()
            },
            "watches": {subject: watch.to_state() for subject, watch in self._watches.items()},
        }

    def _restore(self, state: Reader) -> None:
        last = state["last_unix_s"]
        self._last_unix_s = None if last.is_null else last.number()
        for subject, calm in state["standing"].fields().items():
            if subject in self._watches:
                self._standing[subject] = _Standing(None if calm.is_null else calm.number())
        for subject, kept in state["watches"].fields().items():
            if subject in self._watches:
                self._watches[subject].restore(kept)

    def _months_since_last(self, now_unix_s: float) -> float:
        if self._last_unix_s is None:
            return _FIRST_S / MONTH_S
        return min(max(now_unix_s - self._last_unix_s, 0.0), _LONGEST_S) / MONTH_S

    def _ratio(self, watch: Watch) -> float:
        return math.exp(min(watch.statistic(), math.log(_MOST_EVIDENCE)))

    def _judged(self, subject: str, abrupt: float, now_unix_s: float) -> Finding | None:
        """Return a new finding; note for standing ones whether they have calmed down."""
        watch = self._watches[subject]
        ratio = self._ratio(watch)
        standing = self._standing.get(subject)
        if standing is not None:
            self._note_calm(subject, standing, calm=ratio < _CALM and abrupt < 1.0, at=now_unix_s)
            return None
        if ratio < 1.0 and abrupt < 1.0:
            return None
        self._standing[subject] = _Standing()
        distance, stability, rows = watch.distances()
        return Finding(
            subject=subject,
            test="e-detector" if ratio >= 1.0 else "ks",
            evidence=ratio if ratio >= 1.0 else abrupt,
            ks=distance,
            psi=stability,
            rows=rows,
            reference_rows=self.package.reference.rows,
        )

    def _note_calm(self, subject: str, standing: _Standing, *, calm: bool, at: float) -> None:
        if not calm:
            standing.calm_since_unix_s = None
        elif standing.calm_since_unix_s is None:
            standing.calm_since_unix_s = at
        elif at - standing.calm_since_unix_s >= _CALM_S:
            del self._standing[subject]
