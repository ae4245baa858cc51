"""``edgefleet fleet``: look at devices and send them commands."""

from typing import TYPE_CHECKING, Annotated

import typer

from edge_contract.messages import resources_in
from edgefleet.options import AsJson, CloudUrl, examples, key_value, sub_app
from edgefleet.printing import ago, print_json, print_line, print_table

if TYPE_CHECKING:
    from cloud_sync.backend import CommandView, DeviceView
    from edge_contract.reading import JsonObject

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Look at devices and send them commands.")
    group.command(
        epilog=examples("edgefleet fleet devices", "edgefleet fleet devices --status unreachable")
    )(devices)
    group.command(epilog=examples("edgefleet fleet device cam-07"))(device)
    group.command(
        epilog=examples(
            "edgefleet fleet send ping --wait",
            "edgefleet fleet send set-interval --arg seconds=5 --device cam-07 --device cam-08",
        )
    )(send)
    app.add_typer(group, name="fleet")


def devices(
    status: Annotated[
        str, typer.Option(help="Only those that are online, offline or unreachable.")
    ] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List devices with what they run."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.devices(status=status)
    if as_json:
        print_json(found)
    elif not found:
        print_line("no devices" + (f" are {status}" if status else " yet: edgefleet agent run"))
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
            *((f"tag {key}", value) for key, value in sorted(view.tags.items())),
            *((key, value) for key, value in sorted(view.facts.items())),
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


def send(
    command: Annotated[str, typer.Argument(help="ping, report, set-interval, ...")],
    device: Annotated[
        list[str] | None, typer.Option("--device", help="To this one (again for more).")
    ] = None,
    arg: Annotated[
        list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Again for more.")
    ] = None,
    expires: Annotated[float, typer.Option(help="Seconds for which it is worth doing.")] = 60.0,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for all answers.")] = False,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Send a command to devices, to all of them unless --device says otherwise.

    With --wait the exit code is 0 only if every device did it in time.
    """
    from edgefleet.client import Cloud

    arguments = dict(key_value(text) for text in arg or [])
    with Cloud(cloud, program="cli") as connection:
        view = connection.send(
            command, devices=device or [], arguments=arguments, expires_s=expires
        )
        if wait:
            view = connection.wait_for_command(view.command_id)
    if as_json:
        print_json(view)
    elif wait:
        _print_answers(view)
    else:
        print_line(f"sent {view.name} to {len(view.devices)} devices as {view.command_id}")
    if wait and not all(_did_it(view, name) for name in view.devices):
        raise typer.Exit(1)


def _print_answers(view: "CommandView") -> None:
    if not view.devices:
        print_line("no device to send it to")
        return
    rows = []
    for name in view.devices:
        result = view.results.get(name)
        if result is None:
            rows.append((name, "no answer", ""))
        else:
            rows.append((name, "done" if result["ok"] else "failed", str(result["detail"])))
    print_table(("device", view.name, "detail"), rows)


def _did_it(view: "CommandView", device_name: str) -> bool:
    return view.results.get(device_name, {}).get("ok") is True


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


def _slots(report: object) -> "list[JsonObject]":
    if isinstance(report, dict) and isinstance(report.get("slots"), list):
        return [slot for slot in report["slots"] if isinstance(slot, dict)]
    return []
