"""``edgefleet rollout``: bring a version to the fleet, watch it, steer it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from edge_contract.reading import JsonValue
from edgefleet.options import AsJson, CloudUrl, examples, model_and_version, sub_app
from edgefleet.printing import clock, print_json, print_line, print_table, share
from edgefleet.rollout_orders import check_meant, plan_file, start_unix_s, steps_of

if TYPE_CHECKING:
    from cloud_sync.backend import PreflightView, RolloutView, StageView
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
            "edgefleet rollout start digits@1.1.0 --detect 0.02 --dry-run",
            "edgefleet rollout start digits@1.1.0 --target 'tag.site == \"oslo\"' --per-minute 20",
            "edgefleet rollout start digits@1.1.0 --plan canary.toml --at 2h",
        )
    )(start)
    group.command(
        epilog=examples("edgefleet rollout status", "edgefleet rollout status r7 --json")
    )(status)
    group.command("list", epilog=examples("edgefleet rollout list --limit 5"))(list_rollouts)
    group.command(epilog=examples("edgefleet rollout watch", "edgefleet rollout watch r7 --json"))(
        watch
    )
    for steer in (pause, resume, retry, abort, rollback, approve):
        name = steer.__name__
        group.command(epilog=examples(f"edgefleet rollout {name}", f"edgefleet rollout {name} r7"))(
            steer
        )
    app.add_typer(group, name="rollout")


def start(
    model: Annotated[str, typer.Argument(metavar="NAME@VERSION", help="What to roll out.")],
    *,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file with the order; options win over it."),
    ] = None,
    strategy: Annotated[
        str, _own("canary (default), shadow, blue-green or all-at-once", metavar="NAME")
    ] = "",
    steps: Annotated[
        str, _own("Shares or numbers of devices: 0.1,0.5,1 or 3dev,10%,1", metavar="S,S,...")
    ] = "",
    shadow: Annotated[
        bool | None,
        typer.Option(
            "--shadow/--no-shadow", help="First beside the serving version, unseen (default)."
        ),
    ] = None,
    bake: Annotated[float, _own("Shortest time on a step, in seconds")] = 0.0,
    max_wait: Annotated[float, _own("Longest time to wait for data on a step, in seconds")] = 0.0,
    min_rows: Annotated[int, _own("How many rows are enough data")] = 0,
    detect: Annotated[
        float, _own("Loss of quality that it must be able to see: 0.02", metavar="SHARE")
    ] = 0.0,
    target: Annotated[
        str, _own("Whom it is for: a filter such as 'tag.site == \"oslo\"', or group:NAME")
    ] = "",
    at: Annotated[str, _own("When to begin: 2h, or 2026-12-01T22:00", metavar="TIME")] = "",
    window: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TIMES",
            help="When devices may be told, by their clocks: 'mon-fri 22:00-05:00'. Repeatable.",
        ),
    ] = None,
    per_minute: Annotated[float, _own("Devices told in a minute at most")] = 0.0,
    in_flight: Annotated[int, _own("Devices at it at the same time at most")] = 0,
    approval: Annotated[bool, typer.Option("--approval", help="Begin only when approved.")] = False,
    supersede: Annotated[
        bool, typer.Option("--supersede", help="Take the place of the rollout under way.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start in spite of what a dry run finds.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would come of it; start nothing.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Follow it to its end.")] = False,
    timeout: Annotated[
        float, typer.Option(help="With --wait: give up after so many seconds.", show_default=False)
    ] = 0.0,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Begin to roll a version out; what is left out takes the strategy's default.

    With --wait the exit code is 0 only if it succeeded, with --dry-run only if nothing speaks
    against it. Ctrl-C ends the watching, not the rollout.
    """
    from edgefleet.client import Cloud

    name, version = model_and_version(model)
    given: dict[str, JsonValue] = {
        "strategy": strategy,
        "steps": steps_of(steps),
        "bake_s": bake,
        "max_wait_s": max_wait,
        "min_rows": min_rows,
        "detect": detect,
        "target": target,
        "start_at_unix_s": start_unix_s(at) if at else 0.0,
        "windows": list(window or ()),
        "devices_per_minute": per_minute,
        "max_in_flight": in_flight,
        "approval": approval,
        "supersede": supersede,
        "force": force,
    }
    order: dict[str, JsonValue] = dict(plan_file(plan)) if plan is not None else {}
    check_meant(order, model=name, version=version)
    order |= {field: value for field, value in given.items() if value}
    order |= {"model": name, "version": version}
    if shadow is not None:
        order["shadow"] = shadow
    # A large fleet's past is read before anything is said of a plan.
    with Cloud(cloud, program="cli", timeout_s=60.0) as connection:
        if dry_run:
            _print_preview(connection.preview_rollout(order), as_json=as_json)
            return
        view = connection.order_rollout(order)
        if wait:
            view = _followed(connection, view, timeout_s=timeout or None, quiet=as_json)
    if as_json:
        print_json(view)
    elif not wait:
        print_line(f"rollout {view.rollout_id}: {view.sentence}")
        print_line(f"watch it: edgefleet rollout watch {view.rollout_id}")
    if wait and view.state != "succeeded":
        raise typer.Exit(1)


def watch(
    rollout_id: _Which = "latest",
    *,
    timeout: Annotated[
        float, typer.Option(help="Give up after so many seconds.", show_default=False)
    ] = 0.0,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Follow a rollout to its end; the exit code is 0 only if it succeeded."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        view = connection.rollout(rollout_id)
        view = _followed(connection, view, timeout_s=timeout or None, quiet=as_json)
    if as_json:
        print_json(view)
    if view.state != "succeeded":
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


def retry(rollout_id: _Which = "latest", cloud: CloudUrl = "", as_json: AsJson = False) -> None:
    """Let devices that failed try again."""
    _steer(rollout_id, "retry", cloud=cloud, as_json=as_json)


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


def _print_preview(view: "PreflightView", *, as_json: bool) -> None:
    if as_json:
        print_json(view)
    else:
        print_line(f"{view.strategy} of {view.model}@{view.version} (now: {view.previous or '-'})")
        rows = [
            (stage.name, stage.mode, stage.devices, stage.control, f"{stage.shortest_s:.0f} s")
            for stage in view.stages
        ]
        print_table(("stage", "mode", "devices", "control", "takes at least"), rows)
        for stage in view.stages:
            print_line(stage.sentence)
        for warning in view.warnings:
            print_line(f"warning: {warning}", style="yellow")
        for problem in view.problems:
            print_line(f"problem: {problem}", style="red")
        if not view.problems:
            print_line("nothing speaks against it; nothing was started")
    if view.problems:
        raise typer.Exit(1)


def _print_rollout(view: "RolloutView") -> None:
    print_line(f"{view.strategy} of {view.model}@{view.version} (before: {view.previous or '-'})")
    print_line(f"{view.state}: {view.sentence}", style="bold")
    if view.stages:
        rows = [(stage.name, _size(stage), stage.state) for stage in view.stages]
        print_table(("stage", "devices", "state"), rows)
    if view.executions:
        counts: dict[str, int] = {}
        for state in view.executions.values():
            counts[state] = counts.get(state, 0) + 1
        print_table(("devices", "number"), sorted(counts.items()))
    print_line(f"devices that ever served it: {len(view.devices_exposed)}")
    if view.actions:
        print_line(f"you can: edgefleet rollout {' | '.join(view.actions)}")
    for event in view.events:
        print_line(f"{clock(event.at_unix_s)}  {event.sentence}")


def _size(stage: "StageView") -> str:
    return f"{stage.count:,}" if stage.count else share(stage.fraction)
