"""``edgefleet cloud collect``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from edgefleet.commands.cloud.lasting import spare_what_is_there
from edgefleet.commands.cloud.leaving import leave_on_signal
from edgefleet.commands.cloud.options import (
    BrokerCa,
    BrokerFiles,
    BrokerPassword,
    BrokerUsername,
    Fleet,
    PlainText,
    sources,
)

__all__ = ["collect"]


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
    fleet: Fleet = "default",
    broker_username: BrokerUsername = None,
    broker_password: BrokerPassword = None,
    broker_ca: BrokerCa = None,
    broker_files: BrokerFiles = None,
    interval: Annotated[
        float, typer.Option(help="Seconds in a telemetry window, the same as the cloud's.")
    ] = 60.0,
    segment: Annotated[list[str] | None, typer.Option(help="The same as the cloud's.")] = None,
    min_cohort: Annotated[int, typer.Option(help="The same as the cloud's.")] = 1,
    lease: Annotated[
        float, typer.Option(help="Seconds of silence after which other collectors take over.")
    ] = 10.0,
    *,
    plain_text: PlainText = False,
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
        broker_ca=broker_ca,
        broker_files=broker_files,
        plain_text=plain_text,
        interval_s=interval,
        open_enrolment=open_enrolment,
        segments=sources(segment),
        min_cohort=min_cohort,
        lease_s=lease,
    )
    log_to_stderr()
    leave = leave_on_signal()
    with CollectorService(config):
        console = Console(stderr=True)
        console.print(f"collector [bold]{name}[/bold] of fleet {fleet}; Ctrl-C ends it")
        spare_what_is_there()
        leave.wait()
        console.print("leaving")
