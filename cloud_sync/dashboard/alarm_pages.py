"""Pages of alarms: all of them, and one with its evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cloud_sync.backend import AlarmView, CloudBackend, FeatureView
from cloud_sync.dashboard.charts import Histogram, Trend, histogram, trend
from edge_contract.errors import UsageError

__all__ = ["AlarmPage", "AlarmsPage", "alarm_page_of", "alarms_page_of"]

_ON_PAGE: Final = 30
_LOOKED_THROUGH: Final = 1_000
_CHARTS: Final = 12


@dataclass(frozen=True, slots=True)
class AlarmsPage:
    """Alarms, newest first; ``state`` is empty for all, ``new`` or ``acknowledged``."""

    alarms: Sequence[AlarmView]
    models: Sequence[str]
    model: str
    state: str
    after: str
    next_after: str

    def link(self, *, model: str | None = None, state: str | None = None, after: str = "") -> str:
        """Return the address of the page with some of it changed."""
        given = {
            "model": self.model if model is None else model,
            "state": self.state if state is None else state,
            "after": after,
        }
        query = "&".join(f"{name}={value}" for name, value in given.items() if value)
        return f"/alarms?{query}" if query else "/alarms"


@dataclass(frozen=True, slots=True)
class FindingPanel:
    """What one subject has to do with an alarm."""

    title: str
    test: str
    evidence: float | None
    chart: Histogram | None
    trend: Trend | None
    feature: FeatureView | None


@dataclass(frozen=True, slots=True)
class AlarmPage:
    """An alarm with its evidence, then and now."""

    alarm: AlarmView
    findings: Sequence[FindingPanel]
    more: int
    gone: str


def alarms_page_of(backend: CloudBackend, *, model: str, state: str, after: str) -> AlarmsPage:
    """Ask the backend for alarms past one."""
    found = [
        alarm
        for alarm in backend.alarms(model=model, limit=_LOOKED_THROUGH)
        if not state or bool(alarm.acknowledged_by) == (state == "acknowledged")
    ]
    names = [alarm.alarm_id for alarm in found]
    begin = names.index(after) + 1 if after in names else 0
    shown = found[begin : begin + _ON_PAGE]
    has_more = begin + _ON_PAGE < len(found)
    return AlarmsPage(
        alarms=shown,
        models=[view.name for view in backend.models()],
        model=model,
        state=state,
        after=after,
        next_after=shown[-1].alarm_id if has_more and shown else "",
    )


def alarm_page_of(backend: CloudBackend, alarm_id: str) -> AlarmPage:
    """Ask the backend for an alarm; raises ``NotFoundError``."""
    alarm = backend.alarm(alarm_id)
    features: Mapping[str, FeatureView] = {}
    gone = ""
    try:
        view = backend.statistics(alarm.model, alarm.version, segment=_segment(alarm), brief=True)
        features = {feature.subject: feature for feature in view.features}
        gone = f"Statistics are {view.suppressed}." if view.suppressed else ""
    except UsageError as error:  # the version, or the segment's last device, is gone
        gone = f"Nothing can be said of now: {error}."
    findings = alarm.evidence.get("findings")
    named = findings if isinstance(findings, Mapping) else dict.fromkeys(alarm.features)
    panels = [_panel(subject, finding, features) for subject, finding in named.items()]
    return AlarmPage(alarm, panels[:_CHARTS], max(len(panels) - _CHARTS, 0), gone)


def _panel(subject: str, finding: object, features: Mapping[str, FeatureView]) -> FindingPanel:
    feature = features.get(subject) or features.get(f"feature:{subject}")
    test, evidence = "", None
    if isinstance(finding, Mapping):
        test, number = str(finding.get("test", "")), finding.get("evidence")
        evidence = float(number) if isinstance(number, int | float) else None
    return FindingPanel(
        title=subject.removeprefix("feature:"),
        test=test,
        evidence=evidence,
        chart=None if feature is None else histogram(feature),
        trend=None if feature is None else trend(feature.history),
        feature=feature,
    )


def _segment(alarm: AlarmView) -> str:
    """Return the segment as the API takes it; a class of hardware cannot be asked for."""
    return alarm.segment if "=" in alarm.segment else ""
