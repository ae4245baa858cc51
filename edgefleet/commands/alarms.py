"""``edgefleet alarms``: what drifted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_contract.errors import UsageError
from edgefleet.options import AsJson, CloudUrl, examples
from edgefleet.printing import clock, plain, print_hanging, print_json, print_line

if TYPE_CHECKING:
    from cloud_sync.statistics_view import AlarmView

__all__ = ["register"]

_NAMED: Final = 6


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples("edgefleet alarms", "edgefleet alarms --acknowledge 20261123-5f0c")
    )(alarms)


def alarms(
    model: Annotated[str, typer.Option(help="Only of this model.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    acknowledge: Annotated[
        str, typer.Option(metavar="ID", help="Say that you look after this one.")
    ] = "",
    note: Annotated[str, typer.Option(help="What to tell the others about it.")] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List alarms, newest first: what drifted, where, and which devices cause it."""
    from edgefleet.client import Cloud

    if note and not acknowledge:
        raise UsageError("a note goes with --acknowledge ID")
    with Cloud(cloud, program="cli") as connection:
        if acknowledge:
            found = [connection.acknowledge_alarm(acknowledge, note=note)]
        else:
            found = connection.alarms(model=model, limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        print_line("no alarms")
    else:
        for index, alarm in enumerate(found):
            if index:
                print_line("")
            _print_alarm(alarm)


def _print_alarm(alarm: "AlarmView") -> None:
    where = f", {alarm.segment}" if alarm.segment else ""
    head = f"{alarm.model}@{alarm.version}  {alarm.kind.replace('_', ' ')}{where}"
    print_line(plain(f"{clock(alarm.raised_unix_s)}  {head}"), style="bold")
    print_hanging("  ", plain(alarm.sentence))
    evidence = _evidence(alarm)
    if evidence:
        print_hanging("  evidence  ", plain(evidence))
    if alarm.devices:
        print_hanging("  devices   ", plain(_listed(alarm.devices)))
    if alarm.acknowledged_by:
        note = f": {alarm.note}" if alarm.note else ""
        since = clock(alarm.acknowledged_unix_s or 0.0)
        print_hanging("  looked after by ", plain(f"{alarm.acknowledged_by} since {since}{note}"))
    print_hanging("  ", f"more: edgefleet report {alarm.model}@{alarm.version}{_option(alarm)}")
    if not alarm.acknowledged_by:
        print_hanging(
            "  ", f"look after it: edgefleet alarms --acknowledge {plain(alarm.alarm_id)}"
        )


def _evidence(alarm: "AlarmView") -> str:
    """Return each finding with how far it is over its threshold, and what found it."""
    findings = alarm.evidence.get("findings")
    if not isinstance(findings, Mapping):
        return ""
    told = []
    for subject, finding in findings.items():
        match finding:
            case {"evidence": int() | float() as evidence, "test": str(test)}:
                told.append(f"{subject.removeprefix('feature:')} {evidence:.1f} ({test})")
            case _:
                told.append(subject.removeprefix("feature:"))
    return _listed(told)


def _option(alarm: "AlarmView") -> str:
    if not alarm.segment:
        return ""
    segment = plain(alarm.segment)
    return f" --segment {segment if ' ' not in segment else repr(segment)}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"
