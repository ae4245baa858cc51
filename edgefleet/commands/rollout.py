"""``edgefleet rollout``: bring a version to the fleet, watch it, steer it."""

from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from edgefleet.options import AsJson, CloudUrl, examples, fractions, model_and_version, sub_app
from edgefleet.printing import clock, print_json, print_line, print_table, share

if TYPE_CHECKING:
    from cloud_sync.backend import RolloutView
    from edgefleet.client import Cloud

__all__ = ["register"]


def _own(help_text: str, *, metavar: str | None = None) -> OptionInfo:
    """Return an option whose default is the strategy's own."""
    option: OptionInfo = typer.Option(help=f"{help_text}.", metavar=metavar, show_default=False)
    return option


_Which = Annotated[str, typer.Argument(metavar="ID", help="Which rollout.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = sub_app("Bring a version to the fleet, watch it, steer it.")
    group.command(
        epilog=examples(
            "edgefleet rollout start digits@1.1.0 --wait",
            "edgefleet rollout start digits@1.1.0 --steps 0.1,0.5,1 --bake 3600 --approval",
            "edgefleet rollout start digits@1.1.0 --strategy blue-green --no-shadow",
        )
    )(start)
    group.command(
        epilog=examples("edgefleet rollout status", "edgefleet rollout status r7 --json")
    )(status)
    group.command("list", epilog=examples("edgefleet rollout list --limit 5"))(list_rollouts)
    for steer in (pause, resume, abort, rollback, approve):
        name = steer.__name__
        group.command(epilog=examples(f"edgefleet rollout {name}", f"edgefleet rollout {name} r7"))(
            steer
        )
    app.add_typer(group, name="rollout")


def start(
    model: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="What to roll out.")],
    *,
    strategy: Annotated[
        str, typer.Option(metavar="NAME", help="canary, shadow, blue-green or all-at-once.")
    ] = "canary",
    steps: Annotated[str, _own("Shares of the fleet: 0.1,0.5,1", metavar="F,F,...")] = "",
    shadow: Annotated[
        bool, typer.Option(help="First run it beside the serving version, unseen.")
    ] = True,
    bake: Annotated[float, _own("Shortest time on a step, in seconds")] = 0.0,
    max_wait: Annotated[float, _own("Longest time to wait for data on a step, in seconds")] = 0.0,
    min_rows: Annotated[int, _own("How many rows are enough data")] = 0,
    approval: Annotated[bool, typer.Option("--approval", help="Begin only when approved.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    timeout: Annotated[
        float, typer.Option(help="With --wait: give up after so many seconds.", show_default=False)
    ] = 0.0,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Begin to roll a version out; what is left out takes the strategy's default.

    With --wait the exit code is 0 only if it succeeded. Ctrl-C ends the watching, not the rollout.
    """
    from edgefleet.client import Cloud

    name, version = model_and_version(model)
    with Cloud(cloud, program="cli") as connection:
        view = connection.start_rollout(
            name,
            version,
            strategy=strategy,
            steps=fractions(steps),
            shadow=shadow,
            bake_s=bake,
            max_wait_s=max_wait,
            min_rows=min_rows,
            approval=approval,
        )
        if wait:
            view = _followed(connection, view, timeout_s=timeout or None, quiet=as_json)
    if as_json:
        print_json(view)
    elif not wait:
        print_line(f"rollout {view.rollout_id}: {view.sentence}")
        print_line(f"watch it: edgefleet rollout status {view.rollout_id}")
    if wait and view.state != "succeeded":
        raise typer.Exit(1)


def status(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Show where a rollout stands, its stages, devices and history."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.rollout(rollout_id)
    if as_json:
        print_json(view)
    else:
        _print_rollout(view)


def list_rollouts(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List rollouts, newest first."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.rollouts(limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        print_line("no rollouts yet: edgefleet rollout start NAME@VERSION")
    else:
        rows = [
            (
                view.rollout_id,
                f"{view.model}@{view.version}",
                view.strategy,
                view.state,
                clock(view.started_unix_s),
                len(view.devices_exposed),
                view.sentence,
            )
            for view in found
        ]
        columns = ("id", "version", "strategy", "state", "started", "devices", "last word")
        print_table(columns, rows)


def pause(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Stop widening; devices keep what they run."""
    _steer(rollout_id, "pause", cloud=cloud, as_json=as_json)


def resume(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Go on where it paused."""
    _steer(rollout_id, "resume", cloud=cloud, as_json=as_json)


def abort(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """End a rollout."""
    _steer(rollout_id, "abort", cloud=cloud, as_json=as_json)


def rollback(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Bring its devices back to the previous version."""
    _steer(rollout_id, "rollback", cloud=cloud, as_json=as_json)


def approve(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Let a rollout go on that waits for approval."""
    _steer(rollout_id, "approve", cloud=cloud, as_json=as_json)


def _steer(rollout_id: str, action: str, *, cloud: str, as_json: bool) -> None:
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.steer(rollout_id, action)
    if as_json:
        print_json(view)
    else:
        print_line(f"rollout {view.rollout_id} is {view.state}: {view.sentence}")


def _followed(
    connection: "Cloud", view: "RolloutView", *, timeout_s: float | None, quiet: bool
) -> "RolloutView":
    """Return the rollout at its end; until then print each line of its history as it comes."""
    printed = 0

    def show(now: "RolloutView") -> None:
        nonlocal printed
        for event in now.events[printed:]:
            print_line(f"{clock(event.at_unix_s)}  {event.sentence}")
        printed = max(printed, len(now.events))

    ended = connection.wait_for_rollout(
        view.rollout_id, timeout_s=timeout_s, on_change=None if quiet else show
    )
    if not quiet:
        print_line(f"{ended.state}: {ended.sentence}", style="bold")
    return ended


def _print_rollout(view: "RolloutView") -> None:
    print_line(f"{view.strategy} of {view.model}@{view.version} (before: {view.previous or '-'})")
    print_line(f"{view.state}: {view.sentence}", style="bold")
    if view.stages:
        rows = [(stage.name, share(stage.fraction), stage.state) for stage in view.stages]
        print_table(("stage", "share", "state"), rows)
    if view.executions:
        counts: dict[str, int] = {}
        for state in view.executions.values():
            counts[state] = counts.get(state, 0) + 1
        print_table(("devices", "number"), sorted(counts.items()))
    print_line(f"devices that ever served it: {len(view.devices_exposed)}")
    for event in view.events:
        print_line(f"{clock(event.at_unix_s)}  {event.sentence}")
