"""The alarm desk: feeds new counts to the detectors and raises alarms.

One cause moves many features, one after another, in the whole fleet and in its segments, and at
first no device stands out. So an alarm grows for a while: what else drifts in the same version
joins it, and its devices are looked at anew. What the fleet finds later about a subject that
alarmed in a segment, or the other way round, joins that alarm, too, for as long as it stands. The
operator gets one alarm and not ten.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from cloud_sync.core.alarms import AlarmBudget, alarm_of
from cloud_sync.core.alarms.alarm import MembersLookup
from cloud_sync.core.alarms.base import Cause, Finding
from cloud_sync.core.alarms.grouping import (
    GrowingAlarm,
    amended,
    digest_of_alarm,
    standing_alarm,
)
from cloud_sync.core.alarms.panel import Panel
from cloud_sync.core.alarms.watched import Watched, watched_by
from cloud_sync.core.facts import EvidenceSource, PackageFacts
from cloud_sync.core.increments import PackageRole
from cloud_sync.core.pending import Analysis
from cloud_sync.core.records import AlarmRecord
from cloud_sync.ports import AnalysisStore, PackageRepository
from edge_contract.errors import EdgeError
from edge_contract.package import Role, short

__all__ = ["AlarmDesk", "Watched"]

_BEFORE: Final = 5  # devices are looked at from a fifth of the grouping time before the alarm
_IDLE_S: Final = 3 * 86_400.0
_LOOKED_THROUGH: Final = 500

_log = logging.getLogger("edgefleet.cloud")


class AlarmDesk:
    """All detectors. Used by the conductor's thread; ``watched`` may be read by any.

    A version that no device has sent statistics of for three days is watched no longer, and leaves
    its part of the budget to the others, until statistics come again; so is a segment.

    Args:
        store: Pending counts, detector states and alarms.
        packages: The registry.
        source: Statistics by device, to name the ones that cause an alarm; ``None`` names none.
        per_month: False alarms allowed per month, for the whole fleet.
        grouping_s: How long an alarm grows after it was raised.
        members: Finds the devices of a segment.
        left_out: Finds how many windows of which devices alarms about a package did not take,
            because they count more than one device may.

    Attributes:
        watched: By digest, where the detectors of each package stand.
    """

    def __init__(
        self,
        store: AnalysisStore,
        packages: PackageRepository,
        source: EvidenceSource | None,
        *,
        per_month: float,
        grouping_s: float,
        members: MembersLookup = lambda _segment: frozenset(),
        left_out: Callable[[str], Mapping[str, int]] = lambda _package: {},
    ) -> None:
        self._store = store
        self._packages = packages
        self._source = source
        self._per_month = per_month
        self._grouping_s = grouping_s
        self._members = members
        self._left_out = left_out
        self._growing: dict[str, GrowingAlarm] = {}
        self._panels: dict[PackageRole, Panel] = {}
        self.watched: Mapping[str, Watched] = {}

    def restore(self, now_unix_s: float) -> None:
        """Find out where detectors stood before a restart, so that no open alarm is hidden."""
        for model in self._packages.models():
            for version in self._packages.versions(model):
                for role in (Role.PRIMARY, Role.LABELS):
                    subject = PackageRole(version.digest, role)
                    with _others_go_on(subject):
                        self._restore(subject)
        self._retire(now_unix_s)

    def tick(self, now_unix_s: float) -> int:
        """Analyse everything that is new; return how many alarms were raised.

        What cannot be analysed now is tried again the next time.
        """
        raised = 0
        for subject in self._store.pending_subjects():
            with _others_go_on(subject):
                package = self._packages.find(subject.package)
                if package is not None:
                    raised += self._analyse(subject, package, now_unix_s)
        self._retire(now_unix_s)
        return raised

    def granted_per_month(self, digest: str) -> float:
        """Return the false alarms a month that the detectors of a package may raise now."""
        return sum(
            panel.granted_per_month
            for subject, panel in self._panels.items()
            if subject.package == digest
        )

    def _analyse(self, subject: PackageRole, package: PackageFacts, now_unix_s: float) -> int:
        pending = self._store.pending(subject, package.specs[subject.role])
        if pending is None:
            return 0
        panel = self._panel(subject, package)
        try:
            increments = pending.by_segment()
            found = panel.observe(increments, now_unix_s)
            panel.forget_calm(increments)
            told = self._told(panel, found, now_unix_s=now_unix_s)
            self._store.commit_analysis(
                subject,
                Analysis(
                    at_unix_s=now_unix_s,
                    token=pending.token,
                    retired=panel.retire(now_unix_s - _IDLE_S),
                    detectors=panel.states(increments),
                    alarms=told.records,
                    points=panel.points(increments, now_unix_s),
                ),
            )
        except BaseException:
            del self._panels[subject]  # it has seen what will be pending once more
            raise
        if told.growing is not None:
            self._growing[package.digest] = told.growing
            _log.warning("alarm: %s", told.records[-1].document["sentence"])
        self._show(package.digest)
        return int(told.is_new)

    def _told(self, panel: Panel, found: Mapping[Cause, Finding], *, now_unix_s: float) -> "_Told":
        """Put findings into alarms: the one that still grows, else ones that stand, else a new."""
        package = panel.package
        if not found:
            return self._looked_at_anew(package, now_unix_s)
        growing = self._growing_alarm(package, now_unix_s)
        records: list[AlarmRecord] = []
        if growing is None:
            known = {cause: standing_alarm(panel, cause) for cause in found}
            for alarm_id in sorted(set(known.values()) - {""}):
                same = {cause: found[cause] for cause in found if known[cause] == alarm_id}
                record = self._alarm(package, alarm_id)
                if record is not None:
                    panel.note_alarm(same, alarm_id)
                    records.append(amended(record, same, now_unix_s=now_unix_s))
                    found = {cause: found[cause] for cause in found if cause not in same}
        if not found:
            return _Told(records)
        day = time.strftime("%Y%m%d", time.gmtime(now_unix_s))
        is_new = growing is None
        grown = growing or GrowingAlarm(f"{day}-{secrets.token_hex(4)}", now_unix_s)
        grown = grown.joined_by(found)
        panel.note_alarm(found, grown.alarm_id)
        record = self._record(package, grown)
        grown = replace(grown, names_devices=bool(record.document["devices"]))
        return _Told([*records, record], grown, is_new=is_new)

    def _looked_at_anew(self, package: PackageFacts, now_unix_s: float) -> "_Told":
        """Say which devices the alarm that grows comes from, as soon as any stands out."""
        growing = self._growing.get(package.digest)
        if growing is None or growing.names_devices:
            return _Told()
        if not self._still_grows(growing.raised_unix_s, now_unix_s):
            return _Told()
        record = self._record(package, growing)
        if not record.document["devices"]:
            return _Told()
        return _Told([record], replace(growing, names_devices=True))

    def _still_grows(self, raised_unix_s: float, now_unix_s: float) -> bool:
        return now_unix_s <= raised_unix_s + self._grouping_s

    def _growing_alarm(self, package: PackageFacts, now_unix_s: float) -> GrowingAlarm | None:
        """Return the version's alarm that still grows, if there is one."""
        growing = self._growing.get(package.digest)
        if growing is None:
            of_model = self._store.alarms(model=package.manifest.name, limit=_LOOKED_THROUGH)
            mine = (record for record in of_model if digest_of_alarm(record) == package.digest)
            newest = next(mine, None)
            if newest is None or not self._still_grows(newest.raised_unix_s, now_unix_s):
                return None
            return GrowingAlarm.from_record(newest)
        return growing if self._still_grows(growing.raised_unix_s, now_unix_s) else None

    def _alarm(self, package: PackageFacts, alarm_id: str) -> AlarmRecord | None:
        of_model = self._store.alarms(model=package.manifest.name, limit=_LOOKED_THROUGH)
        return next((record for record in of_model if record.alarm_id == alarm_id), None)

    def _record(self, package: PackageFacts, growing: GrowingAlarm) -> AlarmRecord:
        """Return the alarm as it stands; devices are judged by what they saw around it."""
        alarm = alarm_of(
            package,
            growing.findings,
            self._source,
            members=self._members,
            left_out=self._left_out(package.digest) if self._source else {},
            since_unix_s=growing.raised_unix_s - self._grouping_s / _BEFORE,
            now_unix_s=growing.raised_unix_s,
        )
        return AlarmRecord(
            growing.alarm_id, alarm.model, growing.raised_unix_s, alarm.to_document()
        )

    # Which detectors there are.

    def _restore(self, subject: PackageRole) -> None:
        records = self._store.detectors(subject)
        package = self._packages.find(subject.package) if records else None
        if package is not None:
            self._panels[subject] = Panel(package, subject.role, records)
            self._show(subject.package)

    def _panel(self, subject: PackageRole, package: PackageFacts) -> Panel:
        """Return the detectors of a package, restored at first use."""
        if subject not in self._panels:
            self._panels[subject] = Panel(package, subject.role, self._store.detectors(subject))
            self._share_out()
        return self._panels[subject]

    def _retire(self, now_unix_s: float) -> None:
        """Watch no longer what nobody serves any more; its detectors stay in the store."""
        latest: dict[str, float] = {}
        for subject, panel in self._panels.items():
            seen_unix_s = max(panel.seen_unix_s, latest.get(subject.package, 0.0))
            latest[subject.package] = seen_unix_s
        idle = {digest for digest, seen in latest.items() if seen < now_unix_s - _IDLE_S}
        if idle:
            self._panels = {s: panel for s, panel in self._panels.items() if s.package not in idle}
            self.watched = {d: seen for d, seen in self.watched.items() if d not in idle}
        self._share_out()

    def _share_out(self) -> None:
        versions = len({subject.package for subject in self._panels})
        budget = AlarmBudget(per_month=self._per_month, watched=max(versions, 1))
        for panel in self._panels.values():
            panel.set_budget(budget)

    def _show(self, digest: str) -> None:
        panels = [panel for subject, panel in self._panels.items() if subject.package == digest]
        self.watched = {**self.watched, digest: watched_by(panels)}


@dataclass(frozen=True, slots=True)
class _Told:
    """What findings came to.

    Attributes:
        records: Alarms that are new or changed; the one that grows is the last.
        growing: The alarm that grows from now on, if findings started or joined one.
        is_new: Whether they started it.
    """

    records: Sequence[AlarmRecord] = ()
    growing: GrowingAlarm | None = None
    is_new: bool = False


@contextmanager
def _others_go_on(subject: PackageRole) -> Iterator[None]:
    """Log what goes wrong with one package; the others are watched all the same."""
    try:
        yield
    except EdgeError as error:
        _log.warning("cannot look for drift of package %s: %s", short(subject.package), error)
