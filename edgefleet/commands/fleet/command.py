"""``edgefleet fleet command``: send commands to devices, and see what came of them."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edgefleet.options import AsJson, CloudUrl, DeviceFilter, DeviceGroup, examples, key_value
from edgefleet.printing import ago, how_many, plain, print_json, print_line, print_table

if TYPE_CHECKING:
    from cloud_sync.backend import CommandDeviceView, CommandView

__all__ = ["register"]

_SHOWN: Final = 50
"""Devices that a table of answers has at most."""

_WORDS: Final = {
    "done": "done",
    "failed": "failed",
    "timed_out": "no answer",
    "accepted": "no result",
    "waiting": "no answer",
}


def register(group: typer.Typer) -> None:
    """Add the commands."""
    group.command(
        epilog=examples(
            "edgefleet fleet command ping",
            "edgefleet fleet command set-interval --arg seconds=5 --group pilot",
            "edgefleet fleet command collect-logs --filter 'tag.site == \"oslo\"' --expires 600",
        )
    )(command)
    group.command(epilog=examples("edgefleet fleet commands", "edgefleet fleet commands --json"))(
        commands
    )
    group.command(epilog=examples("edgefleet fleet answers c91b6cd9ad3e4f10 --state failed"))(
        answers
    )


Name = Annotated[str, typer.Argument(metavar="NAME", help="ping, report, set-interval, ...")]
Devices = Annotated[
    list[str] | None, typer.Option("--device", help="To this one (again for more).")
]
Arguments = Annotated[
    list[str] | None, typer.Option("--arg", metavar="KEY=VALUE", help="Again for more.")
]
Expires = Annotated[float, typer.Option(help="Seconds in which it may be taken up.")]
Timeout = Annotated[float, typer.Option(help="Seconds after that in which results may come.")]


def command(  # noqa: PLR0917  one argument per option
    name: Name,
    device: Devices = None,
    group: DeviceGroup = "",
    filter_text: DeviceFilter = "",
    arg: Arguments = None,
    expires: Expires = 60.0,
    timeout: Timeout = 60.0,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for all answers.")] = True,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Send a command to devices, to all of them unless options say otherwise, and wait.

    Every agent knows ping, report, set-interval (seconds=N), collect-logs (lines=N), set-log-level
    (level=debug), restart, clear-bad (model=NAME), install-update (model=NAME) and capture-samples
    (purpose=TEXT); applications may add their own. To hold devices to a version, use
    `edgefleet fleet pin`.

    The exit code is 0 only if every device did it in time. Ctrl-C ends the waiting, not the
    command; `edgefleet fleet answers` shows what came of it.
    """
    from edgefleet.client import Cloud

    arguments = dict(key_value(text) for text in arg or [])
    with Cloud(cloud, program="cli") as connection:
        view = connection.send(
            name,
            devices=device or [],
            group=group,
            filter=filter_text,
            arguments=arguments,
            expires_s=expires,
            timeout_s=timeout,
        )
        if wait and view.devices:
            with _progress(view) as show:
                view = connection.wait_for_command(view.command_id, on_change=show)
        found = connection.command_devices(view.command_id) if wait else []
    if as_json:
        print_json(view)
    elif not wait:
        print_line(
            f"sent {view.name} to {how_many(len(view.devices), 'device')} as {view.command_id}"
        )
    else:
        _print_answers(view, found)
    if wait and any(one.state != "done" for one in found):
        raise typer.Exit(1)


def commands(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """List the commands that were sent, newest first, and how far they are."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.commands(limit=limit)
    if as_json:
        print_json(found)
    elif not found:
        print_line("no command was sent yet")
    else:
        print_table(
            ("command", "name", "to", "sent", "by", "state", "devices", "done", "not done"),
            [
                (
                    view.command_id,
                    view.name,
                    view.audience or "-",
                    ago(view.created_unix_s),
                    view.by,
                    view.state,
                    sum(view.counts.values()),
                    view.counts.get("done", 0),
                    view.counts.get("failed", 0) + view.counts.get("timed_out", 0),
                )
                for view in found
            ],
        )


def answers(
    command_id: Annotated[str, typer.Argument(help="As `fleet commands` lists it.")],
    state: Annotated[
        str, typer.Option(help="Only waiting, accepted, done, failed or timed_out.")
    ] = "",
    cloud: CloudUrl = "",
    as_json: AsJson = False,
) -> None:
    """Show where a command stands on each device."""
    from edgefleet.client import Cloud

    with Cloud(cloud, program="cli") as connection:
        found = connection.command_devices(command_id, state=state)
    if as_json:
        print_json(found)
    elif not found:
        print_line(f"no device is {state}" if state else "no device got it")
    else:
        _print_rows("state", found)


def _print_answers(view: "CommandView", found: "list[CommandDeviceView]") -> None:
    """Print answers of a few devices, and of many those that are not as they should be."""
    if not found:
        print_line("no device to send it to")
        return
    shown = found if len(found) <= _SHOWN else [one for one in found if one.state != "done"]
    _print_rows(view.name, shown[:_SHOWN])
    if len(shown) > _SHOWN:
        print_line(f"and {len(shown) - _SHOWN:,} more: edgefleet fleet answers {view.command_id}")
    if len(found) > 1:
        print_line(f"{view.name}: {_in_words(view)}")


def _print_rows(title: str, shown: "Sequence[CommandDeviceView]") -> None:
    """Print a line for each device; an answer of several lines, such as a log, stands below."""
    if not shown:
        return
    rows = []
    for one in shown:
        first, *more = one.detail.splitlines() or [""]
        detail = f"{len(more) + 1} lines, below" if more else first
        rows.append((one.device, _WORDS.get(one.state, one.state), detail))
    print_table(("device", title, "detail"), rows)
    for one in shown:
        lines = one.detail.splitlines()
        if len(lines) > 1:
            print_line(f"{one.device}:", style="bold")
            for line in lines:
                print_line(f"  {plain(line)}")


def _in_words(view: "CommandView") -> str:
    """Return counts for people: ``98 done, 1 failed, 1 no answer``."""
    counts: dict[str, int] = {}
    for state, count in view.counts.items():
        word = _WORDS.get(state, state)
        counts[word] = counts.get(word, 0) + count
    parts = [f"{count:,} {word}" for word, count in counts.items() if count]
    return ", ".join(parts)


@contextlib.contextmanager
def _progress(view: "CommandView") -> "Iterator[Callable[[CommandView], None]]":
    """Show a bar on a terminal while answers come in."""
    if not sys.stderr.isatty():
        yield lambda _view: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[words]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(view.name, total=len(view.devices), words="")

        def show(now: "CommandView") -> None:
            counts = now.counts
            over = sum(counts.get(state, 0) for state in ("done", "failed", "timed_out"))
            failed = over - counts.get("done", 0)
            words = f"{failed:,} not done" if failed else ""
            progress.update(task, completed=over, words=words)

        yield show
