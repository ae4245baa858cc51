"""``edgefleet simulate``: a fleet that is not there, against a cloud that is."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edge_contract.errors import UsageError
from edgefleet.environment import TOKEN_VARIABLE

__all__ = ["register"]

_LOST = 3


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command(
        epilog="Example: edgefleet simulate --devices 1000 --minutes 3 --scenario bad-version.toml"
    )(simulate)


def simulate(  # noqa: PLR0917  one argument per option
    devices: Annotated[
        int | None, typer.Option(min=1, help="How many; also a key of the scenario.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="How long; also a key of the scenario.")
    ] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(help="What happens: a TOML file, see docs/simulation.md. Default: nothing."),
    ] = None,
    cloud: Annotated[
        str,
        typer.Option(
            help="API of a cloud that is there; without it one is started on this machine."
        ),
    ] = "",
    token: Annotated[str, typer.Option(envvar=TOKEN_VARIABLE, help="For that API.")] = "",
    broker: Annotated[
        str, typer.Option(help="Where devices connect, with --cloud: mqtt://HOST:PORT.")
    ] = "",
    broker_username: Annotated[
        str | None, typer.Option(envvar="EDGEFLEET_BROKER_USER", help="Of all devices.")
    ] = None,
    broker_password: Annotated[
        str | None, typer.Option(envvar="EDGEFLEET_BROKER_PASSWORD", help="Goes with it.")
    ] = None,
    broker_ca: Annotated[
        Path | None, typer.Option(help="Certificates to trust, for mqtts:// and wss://.")
    ] = None,
    fleet: Annotated[str, typer.Option(help="Name of the fleet.")] = "default",
    prefix: Annotated[str, typer.Option(help="What the devices' names begin with.")] = "sim-",
    store: Annotated[
        str, typer.Option(help="PostgreSQL database for the cloud that is started here.")
    ] = "",
    processes: Annotated[
        int, typer.Option(min=0, help="That share the devices; 0 for as many as suit.")
    ] = 0,
    seed: Annotated[int | None, typer.Option(min=0, help="Decides what is left to chance.")] = None,
    drain_s: Annotated[
        float, typer.Option(min=0.0, help="Seconds to have everything acknowledged in the end.")
    ] = 60.0,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the outcome as one JSON object.")
    ] = False,
) -> None:
    """Let thousands of simulated devices connect, count, drift, flap and be updated.

    Connections, messages and the agent's decisions are real; only models are not run: statistics
    are drawn from the package's reference. In the end every observed row must have been merged
    once. Ctrl-C ends it early, in good order; a second one at once.

    Exit code 3: rows were lost or merged twice. 1: something else was not as the scenario wants it.
    """
    import json

    from edgefleet.simulation.crowd import BrokerAccess
    from edgefleet.simulation.scenario import Scenario
    from edgefleet.simulation.scenario_file import read_scenario, with_options
    from edgefleet.simulation.simulation import Simulation, SimulationOptions
    from edgefleet.simulation.telling import ProgressLine, print_outcome

    wanted = with_options(
        Scenario() if scenario is None else read_scenario(scenario),
        where="the command line" if scenario is None else str(scenario),
        devices=devices,
        minutes=minutes,
        seed=seed,
    )
    if broker_password is not None and broker_username is None:
        raise UsageError("--broker-password was given without --broker-username: give both")
    ca_file = None if broker_ca is None else str(broker_ca)
    options = SimulationOptions(
        cloud=cloud,
        token=token,
        access=BrokerAccess(broker, fleet, broker_username, broker_password, ca_file)
        if broker
        else None,
        prefix=prefix,
        processes=processes,
        drain_s=drain_s,
        store=store,
    )
    console = Console(stderr=True, highlight=False)
    with ProgressLine(console, wanted.lasts_s) as line:
        simulation = Simulation(wanted, options, on_glance=line.show, leaving=_leave_on_signal())
        outcome = simulation.run()
    print_outcome(console, outcome)
    if as_json:
        typer.echo(json.dumps(outcome.to_json()))
    if outcome.losses:
        raise typer.Exit(_LOST)
    if outcome.problems:
        raise typer.Exit(1)


def _leave_on_signal() -> threading.Event:
    """Return an event that the first Ctrl-C sets; the second one ends the process."""
    leaving = threading.Event()

    def leave(_number: int, _frame: object) -> None:
        if leaving.is_set():
            raise KeyboardInterrupt
        leaving.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    return leaving
