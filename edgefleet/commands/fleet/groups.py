"""``edgefleet fleet group``: groups of devices."""

from typing import Annotated

import typer

from edgefleet.options import AsJson, CloudUrl, DeviceFilter, examples, sub_app
from edgefleet.printing import ago, how_many, print_json, print_line, print_table

__all__ = ["register"]

GroupName = Annotated[str, typer.Argument(metavar="NAME", help="Of the group.")]


def register(group: typer.Typer) -> None:
    """Add the commands."""
    app = sub_app("Give devices that belong together a name.")
    app.command(
        "set",
        epilog=examples(
            "edgefleet fleet group set oslo --filter 'tag.site == \"oslo\"'",
            "edgefleet fleet group set pilot --device cam-1 --device cam-7",
        ),
    )(set_group)
    app.command("list", epilog=examples("edgefleet fleet group list"))(list_groups)
    app.command(epilog=examples("edgefleet fleet group show oslo"))(show)
    app.command(epilog=examples("edgefleet fleet group delete oslo"))(delete)
    group.add_typer(app, name="group")


def set_group(
    name: GroupName,
    filter_text: DeviceFilter = "",
    device: Annotated[
        list[str] | None, typer.Option("--device", help="A device (again for more).")
    ] = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Make a group, or change who is in it.

    A group of a filter has the devices that it describes at any time; a group of names has those.
    """
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.set_group(
            name, filter=filter_text, devices=device or [], description=description
        )
    if as_json:
        print_json(view)
    else:
        print_line(f"group {view.name} has {how_many(view.size, 'device')} now")


def list_groups(cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """List the groups."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.groups()
    if as_json:
        print_json(found)
    elif not found:
        print_line("no group yet: edgefleet fleet group set NAME --filter ...")
    else:
        print_table(
            ("group", "devices", "who", "changed", "by", "description"),
            [
                (
                    view.name,
                    view.size,
                    view.filter or f"{len(view.devices)} listed",
                    ago(view.changed_unix_s),
                    view.by,
                    view.description,
                )
                for view in found
            ],
        )


def show(name: GroupName, cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Show one group and its devices."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.group(name)
        devices = connection.devices(group=name)
    if as_json:
        print_json(view)
        return
    listed = f"{len(view.devices)} listed"
    print_line(f"{view.name}: {view.filter or listed}" + f"  {view.description}".rstrip())
    unknown = sorted(set(view.devices) - {one.name for one in devices})
    rows = [(one.name, one.status, ago(one.last_seen_unix_s)) for one in devices]
    print_table(
        ("device", "status", "last seen"),
        [*rows, *((name, "never connected", "-") for name in unknown)],
    )


def delete(name: GroupName, cloud: CloudUrl = "") -> None:
    """Forget a group; its devices stay what they are."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        connection.delete_group(name)
    print_line(f"group {name} is no more")
