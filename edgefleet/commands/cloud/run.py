"""``edgefleet cloud run``."""

from pathlib import Path

import typer
from rich.console import Console

from edgefleet.commands.cloud import keeping_options as keep
from edgefleet.commands.cloud.config_file import ConfigFile
from edgefleet.commands.cloud.lasting import spare_what_is_there
from edgefleet.commands.cloud.leaving import leave_on_signal
from edgefleet.commands.cloud.options import (
    Admit,
    Broker,
    BrokerBinary,
    BrokerCa,
    BrokerFiles,
    BrokerPassword,
    BrokerUsername,
    ClientCertificates,
    Data,
    DeltasMb,
    FalseAlarms,
    Fleet,
    Host,
    HttpPort,
    Interval,
    Keys,
    KeysPassword,
    LogFile,
    LogFileMb,
    LogFiles,
    LogFormat,
    LogLevel,
    MinCohort,
    MqttPort,
    Name,
    OpenEnrolment,
    OpenToNetwork,
    PackagesUrl,
    PageFolder,
    PlainText,
    Segments,
    Store,
    Tls,
    TlsCert,
    TlsKey,
    Token,
    WebsocketPort,
    sources,
)

__all__ = ["run"]


def run(  # noqa: PLR0917  one argument per option
    ctx: typer.Context,  # noqa: ARG001  ``edgefleet cloud config`` asks it where values are from
    config: ConfigFile = None,  # noqa: ARG001  it was read before the others
    data: Data = Path("edgefleet-data"),
    fleet: Fleet = "default",
    host: Host = "127.0.0.1",
    http_port: HttpPort = 8080,
    mqtt_port: MqttPort = 1883,
    websocket_port: WebsocketPort = None,
    page: PageFolder = None,
    broker: Broker = None,
    broker_username: BrokerUsername = None,
    broker_password: BrokerPassword = None,
    broker_ca: BrokerCa = None,
    broker_files: BrokerFiles = None,
    broker_binary: BrokerBinary = None,
    admit: Admit = "auto",
    tls: Tls = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    packages_url: PackagesUrl = "",
    store: Store = "",
    name: Name = "cloud",
    token: Token = "",
    interval: Interval = 60.0,
    false_alarms: FalseAlarms = 1.0,
    min_cohort: MinCohort = 1,
    segment: Segments = None,
    deltas_mb: DeltasMb = 1024,
    keys: Keys = None,
    keys_password: KeysPassword = "",
    keep_fine_days: keep.FineDays = 2.0,
    keep_hourly_days: keep.HourlyDays = 30.0,
    keep_days: keep.DailyDays = 400.0,
    samples_days: keep.SamplesDays = 90.0,
    samples_mb: keep.SamplesMb = 1024,
    samples_url: keep.SamplesUrl = "",
    log_format: LogFormat = "console",
    log_level: LogLevel = "info",
    log_file: LogFile = None,
    log_file_mb: LogFileMb = 10.0,
    log_files: LogFiles = 5,
    *,
    open_to_network: OpenToNetwork = False,
    plain_text: PlainText = False,
    client_certificates: ClientCertificates = False,
    open_enrolment: OpenEnrolment = False,
    sample_pseudonyms: keep.SamplePseudonyms = False,
) -> None:
    """Run broker, collector, registry, rollouts, API and dashboard until Ctrl-C."""
    from cloud_sync.config import CloudConfig
    from cloud_sync.core.retention import Retention
    from cloud_sync.service import CloudService
    from cloud_sync.tls_files import TlsFiles
    from edgefleet.logs import LogOptions, start_logging

    options = CloudConfig(
        data=data,
        fleet=fleet,
        host=host,
        http_port=http_port,
        mqtt_port=mqtt_port,
        websocket_port=websocket_port,
        page=page,
        broker=broker,
        broker_username=broker_username,
        broker_password=broker_password,
        broker_ca=broker_ca,
        broker_files=broker_files,
        broker_binary=broker_binary,
        admit=admit,
        tls=TlsFiles.of(tls, tls_cert, tls_key, asks_clients=client_certificates),
        plain_text=plain_text,
        packages_url=packages_url,
        store=store,
        name=name,
        token=token,
        open_to_network=open_to_network,
        interval_s=interval,
        false_alarms_per_month=false_alarms,
        open_enrolment=open_enrolment,
        segments=sources(segment),
        min_cohort=min_cohort,
        max_delta_bytes=deltas_mb * 2**20,
        retention=Retention(fine_days=keep_fine_days, hourly_days=keep_hourly_days, days=keep_days),
        samples_days=samples_days,
        max_sample_bytes=samples_mb * 2**20,
        samples_url=samples_url,
        sample_pseudonyms=sample_pseudonyms,
        keys=keys,
        keys_password=keys_password,
    )
    start_logging(
        LogOptions(
            form=log_format,
            level=log_level,
            file=log_file,
            file_bytes=round(log_file_mb * 2**20),
            files=log_files,
        )
    )
    leave = leave_on_signal()
    with CloudService(options) as service:
        console = Console(stderr=True)
        console.print(f"fleet [bold]{fleet}[/bold], data in {data.resolve()}")
        console.print(f"dashboard and API  {service.url}", highlight=False)
        console.print(f"devices            {service.broker_url}", highlight=False)
        console.print("Ctrl-C ends it")
        spare_what_is_there()
        leave.wait()
        console.print("leaving")
