"""``edgefleet fleet``: look at devices."""

from typing import TYPE_CHECKING, Annotated

import typer

from edge_contract.errors import UsageError
from edge_contract.messages import resources_in
from edgefleet.commands.fleet import command as fleet_commands
from edgefleet.commands.fleet import groups, members
from edgefleet.options import (
    AsJson,
    CloudUrl,
    DeviceFilter,
    DeviceGroup,
    examples,
    model_and_version,
    sub_app,
)
from edgefleet.printing import ago, how_many, print_json, print_line, print_table

if TYPE_CHECKING:
    from cloud_sync.backend import DeviceView, PinView
    from edge_contract.reading import JsonObject

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Look at devices and send them commands.")
    group.command(
        "list",
        epilog=examples(
            "edgefleet fleet list --status unreachable",
            "edgefleet fleet list --filter 'tag.site == \"oslo\" and memory_mb >= 512'",
        ),
    )(devices)
    group.command(epilog=examples("edgefleet fleet device cam-07"))(device)
    fleet_commands.register(group)
    group.command(
        epilog=examples(
            "edgefleet fleet pin digits@1.0.0 --device cam-07",
            "edgefleet fleet pin digits@1.0.0 --filter 'memory_mb < 256'",
        )
    )(pin)
    group.command(epilog=examples("edgefleet fleet unpin digits --device cam-07"))(unpin)
    groups.register(group)
    members.register(group)
    app.add_typer(group, name="fleet")


def devices(
    status: Annotated[
        str, typer.Option(help="Only those that are online, offline or unreachable.")
    ] = "",
    filter_text: DeviceFilter = "",
    group: DeviceGroup = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List devices with what they run."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.devices(status=status, filter=filter_text, group=group)
    if as_json:
        print_json(found)
    elif not found and not (status or filter_text or group):
        print_line("no devices yet: edgefleet agent run")
    elif not found:
        print_line("no device is like that")
    else:
        print_table(
            ("device", "status", "serves", "rows", "last seen"),
            [
                (d.name, d.status, _serving(d) or "-", d.rows_merged, ago(d.last_seen_unix_s))
                for d in found
            ],
        )


def device(
    name: Annotated[str, typer.Argument(help="Of the device.")],
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Show one device: its models, slots, tags and hardware."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.device(name)
    if as_json:
        print_json(view)
        return
    in_step = view.reported_generation == view.desired_generation
    print_table(
        ("", view.name),
        [
            ("status", view.status),
            ("last seen", ago(view.last_seen_unix_s)),
            ("lives seen", view.boots),
            ("desired state", "taken up" if in_step else "on its way"),
            ("rows merged", f"{view.rows_merged:,}"),
            *_running(view),
            *(("updates wait", words) for words in _waiting(view)),
            *((f"held to {key}", value) for key, value in sorted(view.pins.items())),
            *((f"tag {key}", value) for key, value in sorted(view.tags.items())),
            *((key, _fact(value)) for key, value in sorted(view.facts.items())),
            *resources_in(view.resources).in_words().items(),
        ],
    )
    slots = [
        (model, slot["slot"], slot["state"], slot["version"] or "-", slot["detail"])
        for model, report in sorted(view.models.items())
        for slot in _slots(report)
    ]
    if slots:
        print_table(("model", "slot", "state", "version", "detail"), slots)


Pinned = Annotated[list[str] | None, typer.Option("--device", help="This one (again for more).")]


def pin(
    version: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="What they shall run.")],
    device: Pinned = None,
    group: DeviceGroup = "",
    filter_text: DeviceFilter = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Hold devices to a version, whatever rollouts want; rollouts leave them out."""
    model, number = model_and_version(version)
    _pin(model, number, device or [], group, filter_text, cloud, as_json=as_json)


def unpin(
    model: Annotated[str, typer.Argument(help="Name of the model.")],
    device: Pinned = None,
    group: DeviceGroup = "",
    filter_text: DeviceFilter = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Let devices go that were held to a version: they get what the fleet runs."""
    _pin(model, "", device or [], group, filter_text, cloud, as_json=as_json)


def _pin(
    model: str,
    version: str,
    devices: list[str],
    group: str,
    filter_text: str,
    cloud: str,
    *,
    as_json: bool,
) -> None:
    from edgefleet.client import Cloud

    if not (devices or group or filter_text):
        raise UsageError("say which devices: --device, --group or --filter 'boots >= 0' for all")
    with Cloud(cloud, program="cli") as connection:
        view = connection.pin(model, version, devices=devices, group=group, filter=filter_text)
    if as_json:
        print_json(view)
    elif version:
        print_line(f"{_held(view)} held to {model}@{version}")
    else:
        print_line(f"{_held(view)} held to no version of {model}")


def _held(view: "PinView") -> str:
    count = len(view.devices)
    return f"{how_many(count, 'device')} {'is' if count == 1 else 'are'}"


def _serving(view: "DeviceView") -> str:
    found = []
    for model, report in sorted(view.models.items()):
        if isinstance(report, dict) and report.get("version"):
            found.append(f"{model}@{report['version']}")
    return ", ".join(found)


def _running(view: "DeviceView") -> "list[tuple[str, str]]":
    """Return of each model what it runs on, in which variant, and why not as it was wished."""
    found = []
    for model, report in sorted(view.models.items()):
        if isinstance(report, dict) and report.get("provider"):
            variant = f" ({report['variant']})" if report.get("variant") else ""
            why = f": {report['fallback']}" if report.get("fallback") else ""
            found.append((f"{model} runs on", f"{report['provider']}{variant}{why}"))
    return found


def _waiting(view: "DeviceView") -> list[str]:
    """Return what keeps updates waiting on a device, if anything does."""
    reports = [report for report in view.models.values() if isinstance(report, dict)]
    return sorted({str(report["updates"]) for report in reports if report.get("updates")})


def _fact(value: object) -> object:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _slots(report: object) -> "list[JsonObject]":
    if isinstance(report, dict) and isinstance(report.get("slots"), list):
        return [slot for slot in report["slots"] if isinstance(slot, dict)]
    return []
