"""Turns what devices report into the states of their executions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cloud_sync.core.facts import DeviceFacts, DeviceStatus
from cloud_sync.core.rollout.base import Mode
from cloud_sync.core.rollout.execution_life import ExecutionEvent, ExecutionState
from cloud_sync.core.rollout.record import Execution, RolloutRecord
from edge_contract.messages import ModelReport, SlotReport

__all__ = ["holds_back", "is_back", "sweep", "take_reports"]

_E, _S = ExecutionEvent, ExecutionState

_UNDER_WAY: Final = frozenset(
    {"waiting", "downloading", "verifying", "ready", "shadow", "trial", "active"}
)
_RUNS: Final[Mapping[Mode, frozenset[str]]] = {
    Mode.LOAD: frozenset({"ready", "shadow", "trial", "active"}),
    Mode.SHADOW: frozenset({"shadow"}),
    Mode.SERVE: frozenset({"active"}),
}
"""In which slot states a device does what a stage wants."""

_PATIENT: Final = frozenset({"trial", "shadow"})
"""An idle device may be in these for as long as nobody asks it for predictions."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one device says about the candidate."""

    serves: bool
    slot: SlotReport | None

    @property
    def state(self) -> str:
        return self.slot.state if self.slot is not None else ""

    @property
    def holds_back(self) -> bool:
        """Whether the device has the candidate and waits for its own time to try it."""
        return self.slot is not None and self.slot.waits and not self.serves


def take_reports(
    record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float
) -> list[str]:
    """Move every execution to where its device's report says it is.

    Returns:
        Sentences about devices that failed just now.
    """
    said: list[str] = []
    for name, facts in devices.items():
        if _seen(record, facts).serves:
            record.exposed.add(name)
    for name, execution in record.executions.items():
        if name not in devices:
            continue
        seen = _seen(record, devices[name])
        before = execution.state
        event = _event_of(execution, seen)
        if event is not None and execution.can(event):
            execution.handle(event, now_unix_s=now_unix_s)
        execution.ran = execution.ran or seen.serves or seen.state == "shadow"
        if execution.state is not before and execution.state in (_S.FAILED, _S.REJECTED):
            execution.detail = seen.slot.detail if seen.slot is not None else ""
            reason = execution.detail or "no reason given"
            said.append(f"{name} will not run {record.plan.model}@{record.plan.version}: {reason}")
    return said


def sweep(record: RolloutRecord, devices: Mapping[str, DeviceFacts], now_unix_s: float) -> None:
    """Time out what a reachable device should have done by now."""
    for name, execution in record.executions.items():
        if execution.state not in (_S.NOTIFIED, _S.IN_PROGRESS):
            continue
        facts = devices.get(name)
        if facts is None or facts.status is not DeviceStatus.ONLINE:
            execution.since_unix_s = now_unix_s  # the clock runs while it could have acted
            continue
        begun = execution.state is _S.IN_PROGRESS
        seen = _seen(record, facts)
        if seen.holds_back:  # it lets nothing change now, and says so
            execution.since_unix_s = now_unix_s
            continue
        if begun and seen.state in _PATIENT:
            continue
        limit_s = record.plan.progress_s if begun else record.plan.notify_s
        if now_unix_s - execution.since_unix_s >= limit_s:
            execution.handle(_E.TIME_OUT, now_unix_s=now_unix_s)
            execution.detail = f"{'not done' if begun else 'not begun'} within {limit_s:.0f} s"


def holds_back(record: RolloutRecord, facts: DeviceFacts) -> bool:
    """Return whether a device has the candidate and says that it waits for its own time to try it.

    Its maintenance window is closed, or its application holds updates.
    """
    return _seen(record, facts).holds_back


def is_back(record: RolloutRecord, facts: DeviceFacts) -> bool:
    """Return whether a device has heard that the rollout is over for it, and left the candidate."""
    if facts.reported_generation < facts.desired_generation:
        return False
    seen = _seen(record, facts)
    loading = seen.state in ("downloading", "verifying", "shadow", "trial", "active")
    return not seen.serves and not loading


def _seen(record: RolloutRecord, facts: DeviceFacts) -> _Seen:
    report = facts.models.get(record.plan.model, ModelReport("", ""))
    digest = record.candidate.digest
    return _Seen(report.serving == digest, report.slot_of(digest))


def _event_of(execution: Execution, seen: _Seen) -> ExecutionEvent | None:
    if seen.state == "bad":
        return _E.FAIL if execution.ran or execution.state is _S.SUCCEEDED else _E.REJECT
    wanted = seen.state in _RUNS[execution.mode]
    if wanted and (seen.serves or execution.mode is not Mode.SERVE):
        return _E.SUCCEED
    if seen.state in _UNDER_WAY and not (wanted and execution.state is _S.SUCCEEDED):
        return _E.PROGRESS
    return None
