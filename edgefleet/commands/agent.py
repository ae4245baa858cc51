"""``edgefleet agent``: run an agent, look at one, score a file."""

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from edge_contract.errors import EdgeError, UnavailableError, UsageError

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
_Provider = Annotated[
    list[str] | None,
    typer.Option(
        help="Where the model runs: cuda, tensorrt, openvino, coreml, directml, cpu, or auto. "
        "Repeatable, by preference; the processor serves where none of them can."
    ),
]
_DeviceMemory = Annotated[
    int | None, typer.Option(help="MiB that an accelerator may take for itself.")
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
    provider: _Provider = None,
    device_memory_mb: _DeviceMemory = None,
    salt: Annotated[
        str | None,
        typer.Option(
            help="Secret of the fleet for hashing texts that are no known category; better in the "
            "environment, where other users do not see it.",
            envvar="EDGEFLEET_SALT",
        ),
    ] = None,
    noise_epsilon: Annotated[
        float,
        typer.Option(
            help="Add noise to all counts that leave, so that no single row can be told from them: "
            "differential privacy with this epsilon for each column of a window; 0 for none.",
            envvar="EDGEFLEET_NOISE_EPSILON",
        ),
    ] = 0.0,
    serve: Annotated[
        str | None,
        typer.Option(
            help="HOST:PORT where other processes get predictions by the Open Inference Protocol.",
            envvar="EDGEFLEET_SERVE",
        ),
    ] = None,
    serve_unix: Annotated[
        Path | None, typer.Option(help="The same by frames on a Unix socket at this path.")
    ] = None,
    serve_batch: Annotated[int, typer.Option(help="Most rows of requests joined in a call.")] = 64,
    serve_delay_ms: Annotated[
        float, typer.Option(help="How long a request may wait for others to be joined with.")
    ] = 0.0,
    serve_deadline: Annotated[
        float, typer.Option(help="Seconds that a request may wait for its prediction.")
    ] = 10.0,
) -> None:
    """Run an agent until Ctrl-C.

    Rows piped to standard input, one JSON value a line (a list of numbers, or an object by feature
    name), are answered with one JSON line each, one that does not fit the model with its error; at
    their end the agent leaves, with code 1 if there were errors. Without rows the agent stays,
    follows rollouts and can be looked at with [bold]edgefleet agent status[/bold].

    With --serve or --serve-unix it answers other processes instead, and reads no rows.
    """
    from edge_agent.agent import Agent
    from edgefleet.logs import log_to_stderr
    from edgefleet.serving import serve_agent, serving_options

    log_to_stderr()
    console = Console(stderr=True)
    options = serving_options(
        serve,
        serve_unix,
        batch=serve_batch,
        delay_ms=serve_delay_ms,
        deadline_s=serve_deadline,
    )
    with (
        _leaving_on_sigterm(),
        Agent(
            model,
            cloud=cloud,
            device=device,
            fleet=fleet,
            state=state,
            tags=_tags(tag or []),
            interval_s=interval,
            username=username,
            password=password,
            providers=provider or ("cpu",),
            device_memory_mb=device_memory_mb,
            salt=salt,
            noise_epsilon=noise_epsilon,
        ) as agent,
    ):
        where = escape(str(agent.state))
        console.print(f"agent [bold]{agent.device}[/bold] keeps its state in {where}")
        if options is not None:
            serve_agent(agent, options, console)
            return
        answered, failed = _answer_all(agent)
        if not answered and cloud is not None:
            console.print("running; Ctrl-C ends it")
            threading.Event().wait()
        elif not answered:
            console.print("no rows came on standard input, and there is no cloud to follow")
    if failed:
        raise typer.Exit(1)


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
    from edge_agent.status import STATUS_NAME

    folder = state or default_state_folder(fleet, device or default_device())
    try:
        text = (folder / STATUS_NAME).read_text()
        found = json.loads(text)
    except FileNotFoundError:
        raise UsageError(
            f"there is no agent in {str(folder)!r}: name its folder with --state, or start one "
            "with `edgefleet agent run`"
        ) from None
    except (OSError, ValueError) as error:
        raise UnavailableError(f"cannot read the status in {str(folder)!r}: {error}") from error
    if as_json:
        typer.echo(text)
    else:
        _show(found)


@agent_app.command(
    epilog="Example: edgefleet agent score rows.csv answers.csv --model digits-1.0.0.modelpkg"
)
def score(  # noqa: PLR0917  one argument per option
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
    provider: _Provider = None,
    device_memory_mb: _DeviceMemory = None,
) -> None:
    """Predict every row of a file.

    Works in blocks, so files larger than memory are fine. OUT appears only when it is complete.
    """
    from edge_agent.agent import Agent
    from edge_agent.scoring import score_file

    with Agent(
        model,
        cloud=cloud,
        device=device,
        fleet=fleet,
        state=state,
        providers=provider or ("cpu",),
        device_memory_mb=device_memory_mb,
    ) as agent:
        agent.wait_ready()
        rows = score_file(agent, source, target, console=Console(stderr=True))
    Console(stderr=True).print(f"predicted {rows} rows into {escape(str(target))}")


def _show(found: dict[str, Any]) -> None:
    """Print a status for a person."""
    age_s = time.time() - found["written_unix_s"]
    life = "has left" if found["closed"] else f"process {found['pid']}"
    console = Console()
    console.print(
        f"device [bold]{found['device']}[/bold], {life}, "
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
                escape(slot["detail"]),
            )
    console.print(table)
    for name, model in found["models"].items():
        if model.get("provider"):
            why = f": {escape(model['fallback'])}" if model.get("fallback") else ""
            console.print(f"{name} runs on [bold]{model['provider']}[/bold]{why}")


def _answer_all(agent: "Agent") -> tuple[int, int]:
    """Answer the rows on standard input; return how many there were and how many failed."""
    if sys.stdin is None or sys.stdin.isatty():
        return 0, 0
    answered = failed = 0
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        if not answered:
            agent.wait_ready()
        answer = _answer(agent, line, number)
        typer.echo(json.dumps(answer))
        answered += 1
        failed += "error" in answer
    return answered, failed


def _answer(agent: "Agent", line: str, number: int) -> dict[str, object]:
    from edge_agent.adapters.values import RowError

    try:
        row = json.loads(line)
    except ValueError as error:
        return {"line": number, "error": f"line {number} is no JSON: {error}"}
    try:
        prediction = agent.predict([row])
    except RowError as error:
        return {"line": number, "error": f"line {number}: {error.text}"}
    except EdgeError as error:
        return {"line": number, "error": f"line {number}: {error}"}
    answer: dict[str, object] = {"id": prediction.id, "model": prediction.model}
    if prediction.labels is not None:
        answer["label"] = prediction.labels.tolist()[0]
    if prediction.probabilities is not None:
        answer["probabilities"] = [round(p, 6) for p in prediction.probabilities[0].tolist()]
    if prediction.values is not None:
        answer["value"] = prediction.values.tolist()[0]
    return answer


class _Leave(KeyboardInterrupt):
    """Somebody asked the process to end, as a service manager does."""


@contextlib.contextmanager
def _leaving_on_sigterm() -> Iterator[None]:
    """Let the block end in good order, and the process with it."""

    def leave(_signal: int, _frame: object) -> None:
        raise _Leave

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except _Leave:
        raise typer.Exit(0) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _tags(pairs: list[str]) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"tag {pair!r} is not NAME=VALUE, like site=oslo")
        tags[name] = value
    return tags
