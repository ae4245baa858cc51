"""``edgefleet agent``: run an agent, look at one, score a file."""

import json
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from edge_agent.agent import Agent

__all__ = ["register"]

agent_app = typer.Typer(
    name="agent", help="Run a model on this device.", no_args_is_help=True, rich_markup_mode="rich"
)

_State = Annotated[
    Path | None,
    typer.Option(help="Folder for what survives a restart.", envvar="EDGEFLEET_STATE"),
]
_Fleet = Annotated[str, typer.Option(help="Name of the fleet.", envvar="EDGEFLEET_FLEET")]
_Device = Annotated[
    str | None,
    typer.Option(help="Name of this device; by default the host's.", envvar="EDGEFLEET_DEVICE"),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(agent_app)


@agent_app.command(
    epilog="Example: edgefleet agent run digits --cloud mqtt://127.0.0.1:1883 < rows.jsonl"
)
def run(  # noqa: PLR0917  one argument per option
    model: Annotated[str, typer.Argument(help="Name of a model, or path of a model package.")],
    cloud: Annotated[
        str | None, typer.Option(help="URL of the broker.", envvar="EDGEFLEET_BROKER")
    ] = None,
    device: _Device = None,
    fleet: _Fleet = "default",
    state: _State = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="What to call this device: site=oslo. Repeatable.")
    ] = None,
    interval: Annotated[float, typer.Option(help="Seconds in a telemetry window.")] = 60.0,
    username: Annotated[
        str | None, typer.Option(help="For the broker.", envvar="EDGEFLEET_BROKER_USER")
    ] = None,
    password: Annotated[
        str | None, typer.Option(help="For the broker.", envvar="EDGEFLEET_BROKER_PASSWORD")
    ] = None,
) -> None:
    """Run an agent until Ctrl-C.

    Rows piped to standard input, one JSON value a line (a list of numbers, or an object by feature
    name), are answered with one JSON line each; at their end the agent leaves. Without a pipe the
    agent stays, follows rollouts and can be looked at with [bold]edgefleet agent status[/bold].
    """
    from edge_agent.agent import Agent
    from edgefleet.logs import log_to_stderr

    log_to_stderr()
    with Agent(
        model,
        cloud=cloud,
        device=device,
        fleet=fleet,
        state=state,
        tags=_tags(tag or []),
        interval_s=interval,
        username=username,
        password=password,
    ) as agent:
        console = Console(stderr=True)
        console.print(f"agent [bold]{agent.device}[/bold] keeps its state in {agent.state}")
        if sys.stdin is not None and not sys.stdin.isatty():
            for number, line in enumerate(sys.stdin, 1):
                if line.strip():
                    typer.echo(json.dumps(_answer(agent, line, number)))
            if cloud is None:
                return
        console.print("running; Ctrl-C ends it")
        threading.Event().wait()


@agent_app.command(epilog="Example: edgefleet agent status --state /var/lib/edgefleet --json")
def status(
    device: _Device = None,
    fleet: _Fleet = "default",
    state: _State = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what the agent of this device runs."""
    from edge_agent.config import default_device, default_state_folder

    folder = state or default_state_folder(fleet, device or default_device())
    path = folder / "status.json"
    try:
        text = path.read_text()
    except FileNotFoundError:
        raise UsageError(
            f"there is no agent in {str(folder)!r}: name its folder with --state, or start one "
            "with `edgefleet agent run`"
        ) from None
    if as_json:
        typer.echo(text)
        return
    found = json.loads(text)
    age_s = time.time() - found["written_unix_s"]
    console = Console()
    console.print(
        f"device [bold]{found['device']}[/bold], process {found['pid']}, "
        f"generation {found['generation']}, {found['waiting_batches']} batches waiting, "
        f"as of {age_s:.0f} s ago"
    )
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
                slot["detail"],
            )
    console.print(table)


@agent_app.command(
    epilog="Example: edgefleet agent score rows.csv answers.csv --model digits-1.0.0.modelpkg"
)
def score(
    source: Annotated[Path, typer.Argument(metavar="IN", help="CSV, JSON lines, .npz or Parquet.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="CSV or JSON lines.")],
    model: Annotated[
        str, typer.Option(help="Path of a model package, or name of a model on this device.")
    ],
    cloud: Annotated[
        str | None,
        typer.Option(help="URL of the broker: statistics go there.", envvar="EDGEFLEET_BROKER"),
    ] = None,
    device: _Device = None,
    fleet: _Fleet = "default",
    state: _State = None,
) -> None:
    """Predict every row of a file.

    Works in blocks, so files larger than memory are fine. OUT appears only when it is complete.
    """
    from edge_agent.agent import Agent
    from edge_agent.scoring import score_file

    with Agent(model, cloud=cloud, device=device, fleet=fleet, state=state) as agent:
        agent.wait_ready()
        rows = score_file(agent, source, target, console=Console(stderr=True))
    Console(stderr=True).print(f"predicted {rows} rows into {target}")


def _answer(agent: "Agent", line: str, number: int) -> dict[str, object]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise UsageError(f"line {number} of standard input is no JSON: {error}") from error
    prediction = agent.predict([row])
    answer: dict[str, object] = {"id": prediction.id, "model": prediction.model}
    if prediction.labels is not None:
        answer["label"] = prediction.labels.tolist()[0]
    if prediction.probabilities is not None:
        answer["probabilities"] = [round(p, 6) for p in prediction.probabilities[0].tolist()]
    if prediction.values is not None:
        answer["value"] = prediction.values.tolist()[0]
    return answer


def _tags(pairs: list[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"tag {pair!r} is not NAME=VALUE, like site=oslo")
        tags[name] = value
    return tags
