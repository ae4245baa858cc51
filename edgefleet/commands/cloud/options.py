"""Options of ``edgefleet cloud``; each is a key of the file and a variable of the environment."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "Admit",
    "Broker",
    "BrokerBinary",
    "BrokerCa",
    "BrokerFiles",
    "BrokerPassword",
    "BrokerUsername",
    "ClientCertificates",
    "Data",
    "DeltasMb",
    "FalseAlarms",
    "Fleet",
    "Host",
    "HttpPort",
    "Interval",
    "Keys",
    "KeysPassword",
    "LogFile",
    "LogFileMb",
    "LogFiles",
    "LogFormat",
    "LogLevel",
    "MinCohort",
    "MqttPort",
    "Name",
    "OpenEnrolment",
    "OpenToNetwork",
    "PackagesUrl",
    "PageFolder",
    "PlainText",
    "Segments",
    "Store",
    "Tls",
    "TlsCert",
    "TlsKey",
    "Token",
    "WebsocketPort",
    "sources",
]

Data: TypeAlias = Annotated[
    Path, typer.Option(help="Folder for everything.", envvar="EDGEFLEET_DATA")
]
Fleet: TypeAlias = Annotated[str, typer.Option(help="Name of the fleet.", envvar="EDGEFLEET_FLEET")]
Host: TypeAlias = Annotated[
    str, typer.Option(help="Address to listen on.", envvar="EDGEFLEET_HOST")
]
HttpPort: TypeAlias = Annotated[
    int, typer.Option(help="API, dashboard and packages.", envvar="EDGEFLEET_HTTP_PORT")
]
MqttPort: TypeAlias = Annotated[
    int, typer.Option(help="Devices; of the embedded broker.", envvar="EDGEFLEET_MQTT_PORT")
]
WebsocketPort: TypeAlias = Annotated[
    int | None,
    typer.Option(help="Browsers; of the embedded broker.", envvar="EDGEFLEET_WEBSOCKET_PORT"),
]
PageFolder: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="What `edgefleet browser build` wrote, served at /try/.", envvar="EDGEFLEET_PAGE"
    ),
]
Broker: TypeAlias = Annotated[
    str | None, typer.Option(help="URL of your own broker.", envvar="EDGEFLEET_BROKER")
]
BrokerUsername: TypeAlias = Annotated[
    str | None, typer.Option(envvar="EDGEFLEET_BROKER_USER", help="For your own broker.")
]
BrokerPassword: TypeAlias = Annotated[
    str | None, typer.Option(envvar="EDGEFLEET_BROKER_PASSWORD", help="For your own broker.")
]
BrokerCa: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="File with certificates to trust for your own broker.", envvar="EDGEFLEET_BROKER_CA"
    ),
]
BrokerFiles: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder of `edgefleet broker config`, by which your own broker is told who may speak.",
        envvar="EDGEFLEET_BROKER_FILES",
    ),
]
Admit: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="auto|enrolled|anyone",
        help="Who may speak at the embedded broker: devices that joined (`edgefleet fleet "
        "enroll`), or anyone. auto: anyone while it listens on this machine alone.",
        envvar="EDGEFLEET_ADMIT",
    ),
]
Tls: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder of `edgefleet ca init`: API, dashboard and embedded broker are encrypted.",
        envvar="EDGEFLEET_TLS",
    ),
]
TlsCert: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Your own certificate in its place, PEM.", envvar="EDGEFLEET_TLS_CERT"),
]
TlsKey: TypeAlias = Annotated[
    Path | None, typer.Option(help="Its key, PEM.", envvar="EDGEFLEET_TLS_KEY")
]
ClientCertificates: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--client-certificates",
        help="Ask devices for the certificate that they got when they joined, beside their "
        "password (with --tls; pages cannot show any).",
        envvar="EDGEFLEET_CLIENT_CERTIFICATES",
    ),
]
PlainText: TypeAlias = Annotated[
    bool,
    typer.Option(
        help="Let passwords and statistics travel unencrypted beyond this machine.",
        envvar="EDGEFLEET_PLAIN_TEXT",
    ),
]
BrokerBinary: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Path of a nats-server to run as the embedded broker.",
        envvar="EDGEFLEET_BROKER_BINARY",
    ),
]
PackagesUrl: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Where devices fetch packages, if not from this host.",
        envvar="EDGEFLEET_PACKAGES_URL",
    ),
]
Store: TypeAlias = Annotated[
    str,
    typer.Option(
        help="PostgreSQL database to keep everything but packages in: "
        "postgresql://USER:PASSWORD@HOST/DATABASE. Default: a file in the data folder.",
        envvar="EDGEFLEET_STORE",
    ),
]
Name: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Of this process among the collectors that share a store.", envvar="EDGEFLEET_NAME"
    ),
]
Token: TypeAlias = Annotated[
    str,
    typer.Option(
        help="An admin's token for the API; `cloud token create` makes others.",
        envvar="EDGEFLEET_TOKEN",
    ),
]
Interval: TypeAlias = Annotated[
    float, typer.Option(help="Seconds in a telemetry window.", envvar="EDGEFLEET_INTERVAL")
]
FalseAlarms: TypeAlias = Annotated[
    float,
    typer.Option(
        help="False alarms per month that you accept, for the whole fleet.",
        envvar="EDGEFLEET_FALSE_ALARMS",
    ),
]
MinCohort: TypeAlias = Annotated[
    int,
    typer.Option(
        help="Show no statistics that rest on fewer devices than this.",
        envvar="EDGEFLEET_MIN_COHORT",
    ),
]
Segments: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="What devices are told apart by, to watch each group by itself: tag:NAME or "
        "hardware; repeat it for more, or say none. Default: every tag of 2 to 50 values, and "
        "hardware.",
        envvar="EDGEFLEET_SEGMENTS",
    ),
]
DeltasMb: TypeAlias = Annotated[
    int,
    typer.Option(
        help="MiB of disk for deltas between versions, which spare devices most of a download; "
        "0 makes none.",
        envvar="EDGEFLEET_DELTAS_MB",
    ),
]
Keys: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Folder `cloud` of `edgefleet keys init`: orders to devices are signed, and devices "
        "that pin the root install what was released and nothing else.",
        envvar="EDGEFLEET_KEYS",
    ),
]
KeysPassword: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Of the keys in it, where they are encrypted.", envvar="EDGEFLEET_ONLINE_PASSWORD"
    ),
]
LogFormat: TypeAlias = Annotated[
    str,
    typer.Option(
        help="console for people, json for programs: one object a line.",
        envvar="EDGEFLEET_LOG_FORMAT",
    ),
]
LogLevel: TypeAlias = Annotated[
    str, typer.Option(help="debug, info, warning or error.", envvar="EDGEFLEET_LOG")
]
LogFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Instead of standard error.", envvar="EDGEFLEET_LOG_FILE"),
]
LogFileMb: TypeAlias = Annotated[
    float,
    typer.Option(help="A file as large as this is moved aside.", envvar="EDGEFLEET_LOG_FILE_MB"),
]
LogFiles: TypeAlias = Annotated[
    int, typer.Option(help="How many of those stay.", envvar="EDGEFLEET_LOG_FILES")
]
OpenToNetwork: TypeAlias = Annotated[
    bool,
    typer.Option(
        help="Listen beyond this machine although there is no token.",
        envvar="EDGEFLEET_OPEN_TO_NETWORK",
    ),
]
OpenEnrolment: TypeAlias = Annotated[
    bool,
    typer.Option(
        help="Merge telemetry of devices that never announced themselves.",
        envvar="EDGEFLEET_OPEN_ENROLMENT",
    ),
]


def sources(segment: list[str] | None) -> tuple[str, ...] | None:
    """Return what devices are told apart by; ``None`` for the default."""
    if segment is None:
        return None
    return () if segment == ["none"] else tuple(segment)
