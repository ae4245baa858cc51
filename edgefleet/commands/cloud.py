"""``edgefleet cloud``: run the whole cloud in one process."""

import signal
import threading
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

__all__ = ["register"]

cloud_app = typer.Typer(
    name="cloud", help="Run the cloud of a fleet.", no_args_is_help=True, rich_markup_mode="rich"
)


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.add_typer(cloud_app)


@cloud_app.callback()
def cloud() -> None:
    """Run the cloud of a fleet."""


@cloud_app.command(epilog="Example: edgefleet cloud run --data ./cloud --interval 10")
def run(  # noqa: PLR0917  one argument per option
    data: Annotated[
        Path, typer.Option(help="Folder for everything.", envvar="EDGEFLEET_DATA")
    ] = Path("edgefleet-data"),
    fleet: Annotated[
        str, typer.Option(help="Name of the fleet.", envvar="EDGEFLEET_FLEET")
    ] = "default",
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(help="API, dashboard and packages.")] = 8080,
    mqtt_port: Annotated[int, typer.Option(help="Devices; of the embedded broker.")] = 1883,
    websocket_port: Annotated[
        int | None, typer.Option(help="Browsers; of the embedded broker.")
    ] = None,
    broker: Annotated[
        str | None, typer.Option(help="URL of your own broker.", envvar="EDGEFLEET_BROKER")
    ] = None,
    broker_username: Annotated[
        str | None, typer.Option(envvar="EDGEFLEET_BROKER_USER", help="For your own broker.")
    ] = None,
    broker_password: Annotated[
        str | None, typer.Option(envvar="EDGEFLEET_BROKER_PASSWORD", help="For your own broker.")
    ] = None,
    broker_binary: Annotated[
        str | None, typer.Option(help="Path of a nats-server to run as the embedded broker.")
    ] = None,
    packages_url: Annotated[
        str, typer.Option(help="Where devices fetch packages, if not from this host.")
    ] = "",
    store: Annotated[
        str,
        typer.Option(
            help="PostgreSQL database to keep everything but packages in: "
            "postgresql://USER:PASSWORD@HOST/DATABASE. Default: a file in the data folder.",
            envvar="EDGEFLEET_STORE",
        ),
    ] = "",
    name: Annotated[
        str, typer.Option(help="Of this process among the collectors that share a store.")
    ] = "cloud",
    token: Annotated[
        str, typer.Option(help="Asked of users of the API.", envvar="EDGEFLEET_TOKEN")
    ] = "",
    interval: Annotated[float, typer.Option(help="Seconds in a telemetry window.")] = 60.0,
    false_alarms: Annotated[
        float, typer.Option(help="False alarms per month that you accept, for the whole fleet.")
    ] = 1.0,
    min_cohort: Annotated[
        int, typer.Option(help="Show no statistics that rest on fewer devices than this.")
    ] = 1,
    segment: Annotated[
        list[str] | None,
        typer.Option(
            help="What devices are told apart by, to watch each group by itself: tag:NAME or "
            "hardware; repeat it for more, or say none. Default: every tag of 2 to 50 values, and "
            "hardware."
        ),
    ] = None,
    deltas_mb: Annotated[
        int,
        typer.Option(
            help="MiB of disk for deltas between versions, which spare devices most of a download; "
            "0 makes none."
        ),
    ] = 1024,
    *,
    open_to_network: Annotated[
        bool, typer.Option(help="Listen beyond this machine although there is no token.")
    ] = False,
    open_enrolment: Annotated[
        bool, typer.Option(help="Merge telemetry of devices that never announced themselves.")
    ] = False,
) -> None:
    """Run broker, collector, registry, rollouts, API and dashboard until Ctrl-C."""
    from cloud_sync.config import CloudConfig
    from cloud_sync.service import CloudService
    from edgefleet.logs import log_to_stderr

    config = CloudConfig(
        data=data,
        fleet=fleet,
        host=host,
        http_port=http_port,
        mqtt_port=mqtt_port,
        websocket_port=websocket_port,
        broker=broker,
        broker_username=broker_username,
        broker_password=broker_password,
        broker_binary=broker_binary,
        packages_url=packages_url,
        store=store,
        name=name,
        token=token,
        open_to_network=open_to_network,
        interval_s=interval,
        false_alarms_per_month=false_alarms,
        open_enrolment=open_enrolment,
        segments=_sources(segment),
        min_cohort=min_cohort,
        max_delta_bytes=deltas_mb * 2**20,
    )
    log_to_stderr()
    leave = _leave_on_signal()
    with CloudService(config) as service:
        console = Console(stderr=True)
        console.print(f"fleet [bold]{fleet}[/bold], data in {data.resolve()}")
        console.print(f"dashboard and API  {service.url}", highlight=False)
        console.print(f"devices            {service.broker_url}", highlight=False)
        console.print("Ctrl-C ends it")
        leave.wait()
        console.print("leaving")


@cloud_app.command(
    epilog="Example: edgefleet cloud collect --name two --store postgresql://localhost/fleet "
    "--broker mqtt://localhost"
)
def collect(  # noqa: PLR0917  one argument per option
    name: Annotated[str, typer.Option(help="Of this collector; one name each.")],
    store: Annotated[
        str,
        typer.Option(help="PostgreSQL database of the cloud.", envvar="EDGEFLEET_STORE"),
    ] = "",
    broker: Annotated[
        str, typer.Option(help="URL of the cloud's broker.", envvar="EDGEFLEET_BROKER")
    ] = "mqtt://127.0.0.1:1883",
    data: Annotated[
        Path,
        typer.Option(
            help="The cloud's data folder, or a copy of packages.json and blobs in it.",
            envvar="EDGEFLEET_DATA",
        ),
    ] = Path("edgefleet-data"),
    fleet: Annotated[
        str, typer.Option(help="Name of the fleet.", envvar="EDGEFLEET_FLEET")
    ] = "default",
    broker_username: Annotated[
        str | None, typer.Option(envvar="EDGEFLEET_BROKER_USER", help="For the broker.")
    ] = None,
    broker_password: Annotated[
        str | None, typer.Option(envvar="EDGEFLEET_BROKER_PASSWORD", help="For the broker.")
    ] = None,
    interval: Annotated[
        float, typer.Option(help="Seconds in a telemetry window, the same as the cloud's.")
    ] = 60.0,
    segment: Annotated[list[str] | None, typer.Option(help="The same as the cloud's.")] = None,
    min_cohort: Annotated[int, typer.Option(help="The same as the cloud's.")] = 1,
    lease: Annotated[
        float, typer.Option(help="Seconds of silence after which other collectors take over.")
    ] = 10.0,
    *,
    open_enrolment: Annotated[bool, typer.Option(help="The same as the cloud's.")] = False,
) -> None:
    """Merge telemetry beside a cloud until Ctrl-C: for more than one collector can do.

    Every collector takes its share of the devices, and the shares of those that die.
    """
    from cloud_sync.collector_service import CollectorService, CollectorServiceConfig
    from edgefleet.logs import log_to_stderr

    config = CollectorServiceConfig(
        data=data,
        store=store,
        broker=broker,
        name=name,
        fleet=fleet,
        broker_username=broker_username,
        broker_password=broker_password,
        interval_s=interval,
        open_enrolment=open_enrolment,
        segments=_sources(segment),
        min_cohort=min_cohort,
        lease_s=lease,
    )
    log_to_stderr()
    leave = _leave_on_signal()
    with CollectorService(config):
        console = Console(stderr=True)
        console.print(f"collector [bold]{name}[/bold] of fleet {fleet}; Ctrl-C ends it")
        leave.wait()
        console.print("leaving")


def _leave_on_signal() -> threading.Event:
    leave = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: leave.set())
    return leave


def _sources(segment: list[str] | None) -> tuple[str, ...] | None:
    if segment is None:
        return None
    return () if segment == ["none"] else tuple(segment)
