"""``edgefleet agent run``."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from edge_contract.errors import EdgeError, UsageError
from edgefleet.commands.agent.options import Device, DeviceMemory, Fleet, Provider, State, Variant

if TYPE_CHECKING:
    from edge_agent.agent import Agent

__all__ = ["run"]


def run(  # noqa: PLR0917  one argument per option
    model: Annotated[str, typer.Argument(help="Name of a model, or path of a model package.")],
    cloud: Annotated[
        str | None, typer.Option(help="URL of the broker.", envvar="EDGEFLEET_BROKER")
    ] = None,
    device: Device = None,
    fleet: Fleet = "default",
    state: State = None,
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
    provider: Provider = None,
    device_memory_mb: DeviceMemory = None,
    variant: Variant = "exact",
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
            variant=variant,
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
