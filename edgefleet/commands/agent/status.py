"""``edgefleet agent status``."""

import json
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_contract.errors import PeerError, UnavailableError, UsageError
from edge_contract.messages import Downloads, resources_in
from edgefleet.commands.agent.options import Device, Fleet, State

__all__ = ["status"]


def status(
    device: Device = None,
    fleet: Fleet = "default",
    state: State = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what the agent of this device runs."""
    from edge_agent.config import default_device, default_state_folder
    from edge_agent.holder import is_gone
    from edge_agent.status import STATUS_NAME

    folder = state or default_state_folder(fleet, device or default_device())
    try:
        found = json.loads((folder / STATUS_NAME).read_text())
        is_running = not found["closed"] and not is_gone(folder)
        if as_json:
            typer.echo(json.dumps({**found, "running": is_running}))
        else:
            _show(found, is_running=is_running)
    except FileNotFoundError:
        raise UsageError(
            f"there is no agent in {str(folder)!r}: name its folder with --state, or start one "
            "with `edgefleet agent run`"
        ) from None
    except OSError as error:
        raise UnavailableError(f"cannot read the status in {str(folder)!r}: {error}") from error
    except (ValueError, KeyError, TypeError, AttributeError, PeerError) as error:
        raise UnavailableError(
            f"the status in {str(folder)!r} is damaged ({type(error).__name__}: {error}): an agent "
            "that runs there writes it anew with its next report"
        ) from error


def _show(found: dict[str, Any], *, is_running: bool) -> None:
    """Print a status for a person."""
    age_s = time.time() - found["written_unix_s"]
    process = f"process {found['pid']}"
    life = process if is_running else f"{process} is gone: it was killed, or power was lost"
    console = Console()
    console.print(
        f"device [bold]{found['device']}[/bold], {'has left' if found['closed'] else life}, "
        f"generation {found['generation']}, {found['waiting_batches']} batches waiting, "
        + (f"as of {age_s:.0f} s ago" if age_s >= 0 else "as of a time that this clock is not at")
    )
    figures = resources_in(found.get("resources")).in_words()
    if figures:
        console.print(
            ", ".join(f"{name} {text}" for name, text in figures.items()), highlight=False
        )
    waiting = {model["updates"] for model in found["models"].values() if model.get("updates")}
    for words in sorted(waiting):
        console.print(f"updates: {escape(words)}", highlight=False)
    table = Table("model", "slot", "state", "version", "digest", "detail")
    for name, model in found["models"].items():
        for slot in model["slots"]:
            mark = " (serves)" if slot["digest"] and slot["digest"] == model["serving"] else ""
            table.add_row(
                name,
                slot["slot"],
                slot["state"] + mark,
                slot["version"],
                slot["digest"][7:19],
                escape(slot["detail"]),
            )
    console.print(table)
    for name, model in found["models"].items():
        if model.get("provider"):
            why = f": {escape(model['fallback'])}" if model.get("fallback") else ""
            which = f" ({escape(model['variant'])})" if model.get("variant") else ""
            console.print(f"{name}{which} runs on [bold]{model['provider']}[/bold]{why}")
        downloads = Downloads(**model.get("downloads", {}))
        if downloads != Downloads():
            console.print(f"{name}: {escape(downloads.in_words())}", highlight=False)
