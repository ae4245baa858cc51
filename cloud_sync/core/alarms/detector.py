"""Detectors that compare counts with a reference: of features and predictions, or of errors.

They take *increments*: counts that were merged since they were last asked, each row once, in
whatever order and portions they arrive. That keeps their promise, because it is about the order of
arrival: while nothing drifts, each new portion multiplies a bet by a factor whose mean, given
everything that arrived before, is at most 1. A late window is just rows that arrive later. What
must not happen is that a row is taken in twice; so the state is to be kept together with the mark
up to which counts were taken. (If *which* rows come late depends on their values, as when cameras
with frozen lenses lose their link, the portion is a biased sample: that is a drift of what the
cloud sees, and shows as one.)

Where the reference has strata, each portion is of one stratum and is compared with the reference's
rows of that stratum; the wealth of a subject goes on through all of them. A product of factors is
an e-value whichever reference each factor was made from, so nothing is lost by that but what a
small stratum's wide tolerance costs.

A value that is stuck is looked for in the merged counts, not device by device: a device that is
stuck adds its rows to one cell, whose share the spikes watch (:mod:`cloud_sync.core.alarms.bets`),
so it is found under the same budget however many devices there are, and its rank among the devices
names it. A device that is idle sends no rows and changes nothing; one that sends the same row for
ever is what a stuck one is. What is constant on each device and differs from device to device, as
a serial number or a place, is no news either: the reference holds the same mixture.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from cloud_sync.core.alarms.base import Finding, SubjectReading
from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.dependence import PortionScore
from cloud_sync.core.alarms.memory import DetectorMemory, can_judge
from cloud_sync.core.alarms.watch import Ground, Reading, Watch, ground_of
from cloud_sync.core.alarms.wealth import evidence_of
from cloud_sync.core.analysis.watched import truth_columns, watched_columns
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError
from edge_contract.package import Role
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Profile

__all__ = ["CountsDetector", "DriftDetector"]

_KEPT_GROUNDS: Final = 8
"""Strata whose bets are kept beside those in use; others are made again when their rows come."""


class CountsDetector:
    """Compares counts with a reference; raises each subject once, until it is re-armed.

    A subject is re-armed by :meth:`rearm`, or by itself when neither test has seen anything for an
    hour. A new version has a detector of its own.

    Args:
        package: Of which version.
        budget: How many false alarms it may raise; may be replaced at any time.
        state: What :meth:`to_state` returned earlier; ``None`` to begin.
        kind: Of the detector.
        role: In which role of the package the rows were counted.

    Raises:
        MessageError: ``state`` is no such state.
    """

    def __init__(
        self,
        package: PackageFacts,
        budget: AlarmBudget,
        state: "JsonObject | None" = None,
        *,
        kind: str,
        role: str,
    ) -> None:
        self.package = package
        self.budget = budget
        self._kind = kind
        self._role = role
        self._memory = DetectorMemory(package)
        self._columns = _columns(package, role)
        self._stratum, self._grounds = "", _grounds(package, role, "")
        self._watches = {
            subject: Watch(ground, inflation=package.reference.variance_inflation)
            for subject, ground in self._grounds.items()
        }
        if state is not None:
            reader = Reader(state, f"{kind} detector", MessageError)
            self._memory.restore(reader, self._watches)

    def observe(
        self, increment: Profile, now_unix_s: float, *, stratum: str = ""
    ) -> Sequence[Finding]:
        """Take in counts that were never taken in before.

        Args:
            increment: Of one stratum.
            now_unix_s: Now.
            stratum: Which; rows of one that the reference has no rows of change nothing.

        Returns:
            What drifted and had not been raised yet, the strongest evidence first.

        Raises:
            UsageError: The counts are of another package or role.
        """
        if not can_judge(self.package, increment, role=self._role, stratum=stratum):
            return []
        readings = self._read(increment, now_unix_s, stratum=stratum)
        if any(reading.rows for reading in readings.values()):
            self._memory.elapsed.note(now_unix_s)
            self._measure_dependence(readings)
        found = [
            self._finding(subject, reading.abrupt)
            for subject, reading in readings.items()
            if self._memory.standings.rises(
                subject,
                gradual=self._ratio(self._watches[subject]),
                abrupt=reading.abrupt,
                now_unix_s=now_unix_s,
            )
        ]
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

    def inflation(self) -> dict[str, float]:
        """Return the variance inflation that each subject is slowed by."""
        return {subject: watch.inflation for subject, watch in self._watches.items()}

    def drifted(self) -> frozenset[str]:
        """Return the subjects that were raised and not re-armed."""
        return self._memory.standings.subjects

    def rearm(self) -> None:
        """Forget all evidence and all standing alarms: the operator has seen to it."""
        self._memory.standings.clear()
        for watch in self._watches.values():
            watch.forget()

    def to_state(self) -> JsonObject:
        """Return everything but package and budget."""
        return self._memory.to_state(self._watches)

    def _read(self, increment: Profile, now_unix_s: float, *, stratum: str) -> dict[str, Reading]:
        months = self._memory.elapsed.months(now_unix_s)
        granted = self.budget.gradual(len(self._watches)) * months
        level = self.budget.abrupt(len(self._watches)) * months
        if stratum != self._stratum:
            self._stratum, self._grounds = stratum, _grounds(self.package, self._role, stratum)
        caution = self._memory.caution
        return {
            subject: watch.observe(
                increment[self._columns[subject]],
                granted=granted,
                level=level,
                ground=self._grounds[subject],
                caution=caution,
            )
            for subject, watch in self._watches.items()
        }

    def _measure_dependence(self, readings: Mapping[str, Reading]) -> None:
        """Slow subjects whose live rows depend on each other more than is known of the package.

        Evidence that was gathered with a tau that was too small is worth nothing and dropped.
        """
        scores = {
            subject: PortionScore(reading.scored, reading.score)
            for subject, reading in readings.items()
            if reading.scored
        }
        if not self._memory.dependence.observe(scores):
            return
        for subject, watch in self._watches.items():
            tau = self._memory.dependence.inflation(subject)
            if tau > watch.inflation:
                watch.inflation = tau
                watch.start_anew()

    def _ratio(self, watch: Watch) -> float:
        return evidence_of(watch.statistic())

    def _finding(self, subject: str, abrupt: float) -> Finding:
        watch = self._watches[subject]
        ratio = self._ratio(watch)
        test, text = watch.description() if ratio >= 1.0 else ("ks", "")
        distance, stability, rows = watch.distances()
        return Finding(
            subject=subject,
            test=test,
            evidence=ratio if ratio >= 1.0 else abrupt,
            ks=distance,
            psi=stability,
            rows=rows,
            reference_rows=self.package.reference.rows,
            kind=self._kind,
            text=text,
        )


class DriftDetector(CountsDetector):
    """Watches a version's features and its prediction. The same arguments, without the last two."""

    def __init__(
        self, package: PackageFacts, budget: AlarmBudget, state: "JsonObject | None" = None
    ) -> None:
        super().__init__(package, budget, state, kind="drift", role=Role.PRIMARY)


def _columns(package: PackageFacts, role: str) -> dict[str, int]:
    """Return the index of each watched column, by subject."""
    columns = watched_columns if role == Role.PRIMARY else truth_columns
    return {subject: index for index, subject in columns(package.specs[role])}


@lru_cache(maxsize=_KEPT_GROUNDS)
def _grounds(package: PackageFacts, role: str, stratum: str) -> Mapping[str, Ground]:
    """Return what each subject is compared with; all detectors of a package share it."""
    reference = package.reference
    profile = reference.profile if role == Role.PRIMARY else reference.labels
    if role == Role.PRIMARY and reference.strata is not None and stratum:
        profile = reference.strata.parts[stratum].profile
    if profile is None:
        return {}
    return {
        subject: ground_of(profile[index]) for subject, index in _columns(package, role).items()
    }
