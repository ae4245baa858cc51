"""Views of devices, rollouts, alarms and commands, from what the cloud keeps of them."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace

from cloud_sync.backend import (
    AlarmView,
    AnswerView,
    AuditView,
    CommandDeviceView,
    CommandView,
    DeviceView,
    FeatureView,
    RolloutEventView,
    RolloutView,
    StageView,
)
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.records import (
    AcknowledgementRecord,
    AlarmRecord,
    AuditRecord,
    CommandRecord,
    CommandState,
    CommandTally,
    DeviceAnswer,
)
from cloud_sync.core.rollout import RolloutSummary
from cloud_sync.core.segments import WHOLE_FLEET, Segment
from cloud_sync.core.twin import DeviceTwin
from edge_contract.errors import PackageError
from edge_contract.messages import Resources
from edge_contract.reading import JsonObject, Reader

__all__ = [
    "alarm_view",
    "answer_view",
    "audit_view",
    "command_device_views",
    "command_tally_view",
    "command_view",
    "device_view",
    "manifest_json",
    "rollout_view",
    "with_test",
]


def manifest_json(package: PackageFacts) -> JsonObject:
    """Return a manifest as it stands in the package."""
    document: JsonObject = json.loads(package.manifest.to_bytes())
    return document


def device_view(twin: DeviceTwin, rows: int) -> DeviceView:
    """Return a device; ``rows`` is what was merged of it."""
    facts = twin.facts()
    wanted = twin.desired.models if twin.desired else {}
    return DeviceView(
        name=twin.name,
        status=twin.status.value,
        boot=twin.boot,
        boots=twin.boots,
        last_seen_unix_s=twin.last_seen_unix_s,
        desired_generation=twin.desired_generation,
        reported_generation=twin.reported_generation,
        rows_merged=rows,
        models={name: asdict(model) for name, model in facts.models.items()},
        desired={name: asdict(assignment) for name, assignment in wanted.items()},
        tags=dict(facts.tags),
        facts=dict(facts.facts),
        pins=dict(facts.pins),
        resources={
            name: value
            for name, value in asdict(twin.report.resources if twin.report else Resources()).items()
            if value is not None
        },
    )


def rollout_view(rollout: RolloutSummary) -> RolloutView:
    """Return a rollout."""
    return RolloutView(
        rollout_id=rollout.rollout_id,
        model=rollout.model,
        version=rollout.version,
        previous=rollout.previous,
        strategy=rollout.strategy,
        state=rollout.state,
        sentence=rollout.sentence,
        started_unix_s=rollout.started_unix_s,
        ended_unix_s=rollout.ended_unix_s,
        stages=[StageView(**asdict(stage)) for stage in rollout.stages],
        executions=dict(rollout.executions),
        devices_exposed=list(rollout.devices_exposed),
        events=[
            RolloutEventView(event.at_unix_s, event.sentence, event.evidence)
            for event in rollout.events
        ],
        actions=list(rollout.actions),
        target=rollout.target,
        waiting=rollout.waiting,
        state_since_unix_s=rollout.state_since_unix_s,
    )


def alarm_view(record: AlarmRecord, acknowledged: AcknowledgementRecord | None = None) -> AlarmView:
    """Return an alarm and who looks after it.

    Raises:
        PackageError: What was kept of it is damaged.
    """
    document = Reader(record.document, f"alarm {record.alarm_id}", PackageError)
    segment = Segment.from_key(document["segment"].text())
    return AlarmView(
        alarm_id=record.alarm_id,
        model=record.model,
        version=document["version"].text(),
        kind=document["kind"].text(),
        raised_unix_s=record.raised_unix_s,
        sentence=document["sentence"].text(),
        features=[item.text() for item in document["features"].items()],
        devices=[item.text() for item in document["devices"].items()],
        evidence=document["evidence"].json_object(),
        segment="" if segment == WHOLE_FLEET else segment.title,
        acknowledged_by="" if acknowledged is None else acknowledged.by,
        acknowledged_unix_s=None if acknowledged is None else acknowledged.at_unix_s,
        note="" if acknowledged is None else acknowledged.note,
    )


def with_test(feature: FeatureView, alarms: Sequence[AlarmView]) -> FeatureView:
    """Return a feature that drifted with the test that found it, from the newest such alarm."""
    for alarm in alarms if feature.drifted else ():
        findings = alarm.evidence.get("findings")
        finding = findings.get(feature.subject) if isinstance(findings, Mapping) else None
        test = finding.get("test") if isinstance(finding, Mapping) else None
        if isinstance(test, str):
            return replace(feature, test=test)
    return feature


def command_view(record: CommandRecord, now_unix_s: float) -> CommandView:
    """Return a command with the answers so far."""
    found = Counter(record.state_of(device, now_unix_s) for device in record.devices)
    return CommandView(
        command_id=record.command.command_id,
        name=record.command.name,
        arguments=dict(record.command.arguments),
        created_unix_s=record.created_unix_s,
        expires_unix_s=record.command.expires_unix_s,
        devices=list(record.devices),
        results={
            device: {"ok": result.ok, "detail": result.detail}
            for device, result in record.results.items()
            if result.final
        },
        counts={state.value: found[state] for state in CommandState},
        state=_progress(found),
        audience=record.audience,
        by=record.by,
        timeout_s=record.timeout_s,
    )


def command_tally_view(tally: CommandTally, now_unix_s: float) -> CommandView:
    """Return a command in numbers alone."""
    counts = tally.counts(now_unix_s)
    return CommandView(
        command_id=tally.command.command_id,
        name=tally.command.name,
        arguments=dict(tally.command.arguments),
        created_unix_s=tally.created_unix_s,
        expires_unix_s=tally.command.expires_unix_s,
        devices=(),
        results={},
        counts={state.value: count for state, count in counts.items()},
        state=_progress(counts),
        audience=tally.audience,
        by=tally.by,
        timeout_s=tally.timeout_s,
    )


def _progress(counts: Mapping[CommandState, int]) -> str:
    is_open = counts.get(CommandState.WAITING, 0) or counts.get(CommandState.ACCEPTED, 0)
    return "running" if is_open else "finished"


def command_device_views(
    record: CommandRecord, now_unix_s: float, *, state: str, after: str
) -> Iterator[CommandDeviceView]:
    """Yield where a command stands on its devices, by rising name."""
    for device in sorted(record.devices):
        found = record.state_of(device, now_unix_s).value
        if device > after and state in ("", found):
            result = record.results.get(device)
            yield CommandDeviceView(device, found, "" if result is None else result.detail)


def answer_view(answer: DeviceAnswer) -> AnswerView:
    """Return what a device answered."""
    result = answer.result
    if not result.final:
        state = CommandState.ACCEPTED
    else:
        state = CommandState.DONE if result.ok else CommandState.FAILED
    return AnswerView(result.command_id, answer.name, state.value, result.detail, answer.at_unix_s)


def audit_view(record: AuditRecord) -> AuditView:
    """Return a line of the record of who did what."""
    return AuditView(
        number=record.number,
        at_unix_s=record.at_unix_s,
        by=record.by,
        action=record.action,
        subject=record.subject,
        detail=record.detail,
    )
