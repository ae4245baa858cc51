"""The detector of what no feature shows alone: how they move together, where embeddings lie.

Two thermometers that followed one engine may each look as ever while they have come apart. Watched
are the mean products of standardised features, pair by pair, and the mean of each component of an
embedding, against those of the reference.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from cloud_sync.core.alarms.base import Finding, SubjectReading
from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.alarms.dependence import PortionScore
from cloud_sync.core.alarms.means import Mean, MeanWatch, means_of
from cloud_sync.core.alarms.memory import DetectorMemory, can_judge
from cloud_sync.core.alarms.wealth import evidence_of
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError
from edge_contract.package.reference import EMBEDDING, JOINT, Role
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Profile, Statistic
from edge_contract.stats.joint import LARGEST_PRODUCT, Joint, JointSpec
from edge_contract.stats.quantised import LARGEST, STEPS, Sums
from edge_contract.stats.vectors import Vectors, VectorsSpec

__all__ = ["JointDetector", "joint_detector"]

_KIND: Final = "joint"
_MEASURED_PLACES: Final = 32
"""So many pairs or components are enough to tell how much rows depend on each other."""

_KEPT: Final = 8


def joint_detector(
    package: PackageFacts, budget: AlarmBudget, state: "JsonObject | None" = None
) -> "JointDetector | None":
    """Return the detector of a package; ``None`` if it has neither pairs nor an embedding."""
    return JointDetector(package, budget, state) if _columns(package) else None


class JointDetector:
    """Raises ``joint`` and ``embedding`` once each, until they are calm again.

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
        self._memory = DetectorMemory(package)
        self._columns = _columns(package)
        self._watches = {
            subject: MeanWatch(
                largest=LARGEST_PRODUCT if subject == JOINT else LARGEST,
                places=len(_sums_of(package.reference.profile[index])),
                inflation=package.reference.variance_inflation,
            )
            for subject, index in self._columns.items()
        }
        if state is not None:
            reader = Reader(state, "joint detector", MessageError)
            self._memory.restore(reader, self._watches)

    def observe(
        self, increment: Profile, now_unix_s: float, *, stratum: str = ""
    ) -> Sequence[Finding]:
        """Take in counts of the primary role that were never taken in before.

        See :meth:`cloud_sync.core.alarms.base.Detector.observe`.
        """
        if not can_judge(self.package, increment, role=Role.PRIMARY, stratum=stratum):
            return []
        months = self._memory.elapsed.months(now_unix_s)
        caution = self._memory.caution
        scores: dict[str, PortionScore] = {}
        has_rows = False
        for subject, watch in self._watches.items():
            live = _sums_of(increment[self._columns[subject]])
            means = _means(self.package, stratum)[subject]
            granted = self.budget.gradual(len(self._watches)) * months
            watch.observe(live, means, granted=granted, caution=caution)
            scores.update(_scores(subject, live, means))
            has_rows = has_rows or any(sums.count for sums in live)
        if has_rows:
            self._memory.elapsed.note(now_unix_s)
        if scores and self._memory.dependence.observe(scores):
            self._slow_down()
        found = [
            self._finding(subject)
            for subject in self._watches
            if self._memory.standings.rises(
                subject, gradual=self._ratio(subject), abrupt=0.0, now_unix_s=now_unix_s
            )
        ]
        return sorted(found, key=lambda finding: -finding.evidence)

    def evidence(self) -> dict[str, float]:
        """Return each subject's statistic over its threshold; 1 or more alarms."""
        return {subject: self._ratio(subject) for subject in self._watches}

    def readings(self) -> dict[str, SubjectReading]:
        """Return where each subject stands that has seen any rows."""
        return {
            subject: SubjectReading(self._ratio(subject), watch.rows)
            for subject, watch in self._watches.items()
            if watch.rows
        }

    def drifted(self) -> frozenset[str]:
        """Return the subjects that were raised and are not calm again."""
        return self._memory.standings.subjects

    def rearm(self) -> None:
        """Forget all evidence and all standing alarms."""
        self._memory.standings.clear()
        for watch in self._watches.values():
            watch.forget()

    def to_state(self) -> JsonObject:
        """Return everything but package and budget."""
        return self._memory.to_state(self._watches)

    def _slow_down(self) -> None:
        """Take up what live rows show of their dependence, as the drift detector does."""
        for subject, watch in self._watches.items():
            taus = [
                self._memory.dependence.inflation(_place_name(subject, place))
                for place in range(_MEASURED_PLACES)
            ]
            if max(taus) > watch.inflation:
                watch.inflation = max(taus)
                watch.start_anew()

    def _ratio(self, subject: str) -> float:
        return evidence_of(self._watches[subject].statistic())

    def _finding(self, subject: str) -> Finding:
        watch = self._watches[subject]
        return Finding(
            subject=subject,
            test="e-detector",
            evidence=self._ratio(subject),
            ks=0.0,
            psi=0.0,
            rows=watch.rows,
            reference_rows=self.package.reference.rows,
            kind=_KIND,
            text=self._text(subject, watch),
        )

    def _text(self, subject: str, watch: MeanWatch) -> str:
        place = watch.strongest() or 0
        _, live = watch.lately(place)
        known = _means(self.package, "")[subject][place]
        spec = self.package.reference.profile.spec.columns[self._columns[subject]].spec
        if isinstance(spec, JointSpec):
            first, second = (spec.features[index] for index in spec.pairs[place])
            unit = STEPS * STEPS
            return (
                f"move together otherwise: {first} and {second}, whose mean product is "
                f"{live / unit:.2f} (reference {known.mean / unit:.2f})"
            )
        moved = (live - known.mean) / STEPS
        return f"has moved: component {place} by {moved:+.2f} standard deviations"


def _columns(package: PackageFacts) -> dict[str, int]:
    """Return the columns that hold sums, by subject."""
    return {
        column.subject: index
        for index, column in enumerate(package.reference.profile.spec.columns)
        if column.subject in (JOINT, EMBEDDING) and isinstance(column.spec, JointSpec | VectorsSpec)
    }


def _sums_of(statistic: Statistic) -> Sequence[Sums]:
    return statistic.sums if isinstance(statistic, Joint | Vectors) else ()


@lru_cache(maxsize=_KEPT)
def _means(package: PackageFacts, stratum: str) -> Mapping[str, tuple[Mean, ...]]:
    """Return what each subject is compared with."""
    strata = package.reference.strata
    profile = package.reference.profile
    if strata is not None and stratum:
        profile = strata.parts[stratum].profile
    return {
        subject: means_of(
            _sums_of(profile[index]), largest=LARGEST_PRODUCT if subject == JOINT else LARGEST
        )
        for subject, index in _columns(package).items()
    }


def _scores(subject: str, live: Sequence[Sums], means: Sequence[Mean]) -> dict[str, PortionScore]:
    """Return standardised means of some places, by which the rows' dependence is measured."""
    return {
        _place_name(subject, place): PortionScore(
            sums.count, (sums.total / sums.count - mean.mean) / mean.deviation
        )
        for place, (sums, mean) in enumerate(zip(live, means, strict=True))
        if place < _MEASURED_PLACES and sums.count and mean.deviation > 0
    }


def _place_name(subject: str, place: int) -> str:
    return f"{subject}:{place}"
