"""Options that several commands of ``edgefleet agent`` share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = [
    "BrokerPassword",
    "BrokerUrl",
    "BrokerUser",
    "Device",
    "DeviceMemory",
    "DownloadOnly",
    "Fleet",
    "Interval",
    "LogFile",
    "LogFileMb",
    "LogFiles",
    "LogFormat",
    "LogLevel",
    "LogPredictions",
    "MaintenanceWindow",
    "MaxDisk",
    "MaxMemory",
    "NoiseEpsilon",
    "OutboxMb",
    "Profile",
    "Provider",
    "Salt",
    "Serve",
    "ServeBatch",
    "ServeDeadline",
    "ServeDelay",
    "ServeUnix",
    "ShadowCpu",
    "ShadowSample",
    "State",
    "Tags",
    "Threads",
    "TrustedRoot",
    "Variant",
]

State: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder for what survives a restart.", envvar="EDGEFLEET_STATE"),
]
Fleet: TypeAlias = Annotated[str, typer.Option(help="Name of the fleet.", envvar="EDGEFLEET_FLEET")]
Device: TypeAlias = Annotated[
    str | None,
    typer.Option(help="Name of this device; by default the host's.", envvar="EDGEFLEET_DEVICE"),
]
Provider: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="Where the model runs: cuda, tensorrt, openvino, coreml, directml, cpu, or auto. "
        "Repeatable, by preference; the processor serves where none of them can.",
        envvar="EDGEFLEET_PROVIDERS",
    ),
]
DeviceMemory: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="MiB that an accelerator may take for itself.", envvar="EDGEFLEET_DEVICE_MEMORY_MB"
    ),
]
Profile: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="low-power|balanced|throughput",
        help="What a call of the model may take of the processor.",
        envvar="EDGEFLEET_PROFILE",
    ),
]
Threads: TypeAlias = Annotated[
    int | None,
    typer.Option(
        help="Threads for one call of the model; by default as the profile says.",
        envvar="EDGEFLEET_THREADS",
    ),
]
Variant: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="exact|smallest|fastest",
        help="Which variant of the model to run where its package holds several; the fastest is "
        "found by measuring here.",
        envvar="EDGEFLEET_VARIANT",
    ),
]
BrokerUrl: TypeAlias = Annotated[
    str | None, typer.Option(help="URL of the broker.", envvar="EDGEFLEET_BROKER")
]
BrokerUser: TypeAlias = Annotated[
    str | None, typer.Option(help="For the broker.", envvar="EDGEFLEET_BROKER_USER")
]
BrokerPassword: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="For the broker; better in the environment, where other users do not see it.",
        envvar="EDGEFLEET_BROKER_PASSWORD",
    ),
]
Tags: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        help="What to call this device: site=oslo. Repeatable; in the environment with spaces "
        "between.",
        envvar="EDGEFLEET_TAGS",
    ),
]
Interval: TypeAlias = Annotated[
    float, typer.Option(help="Seconds in a telemetry window.", envvar="EDGEFLEET_INTERVAL")
]
Salt: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="Secret of the fleet for hashing texts that are no known category; better in the "
        "environment, where other users do not see it.",
        envvar="EDGEFLEET_SALT",
    ),
]
NoiseEpsilon: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Add noise to all counts that leave, so that no single row can be told from them: "
        "differential privacy with this epsilon for each column of a window; 0 for none.",
        envvar="EDGEFLEET_NOISE_EPSILON",
    ),
]
Serve: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="HOST:PORT where other processes get predictions by the Open Inference Protocol.",
        envvar="EDGEFLEET_SERVE",
        rich_help_panel="Serving",
    ),
]
ServeUnix: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="The same by frames on a Unix socket at this path.",
        envvar="EDGEFLEET_SERVE_UNIX",
        rich_help_panel="Serving",
    ),
]
ServeBatch: TypeAlias = Annotated[
    int,
    typer.Option(
        help="Most rows of requests joined in a call.",
        envvar="EDGEFLEET_SERVE_BATCH",
        rich_help_panel="Serving",
    ),
]
ServeDelay: TypeAlias = Annotated[
    float,
    typer.Option(
        help="How long a request may wait for others to be joined with.",
        envvar="EDGEFLEET_SERVE_DELAY_MS",
        rich_help_panel="Serving",
    ),
]
ServeDeadline: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Seconds that a request may wait for its prediction.",
        envvar="EDGEFLEET_SERVE_DEADLINE",
        rich_help_panel="Serving",
    ),
]
MaxMemory: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-memory",
        metavar="MIB",
        help="Refuse versions with which this process would take more memory.",
        envvar="EDGEFLEET_MAX_MEMORY",
        rich_help_panel="Limits",
    ),
]
MaxDisk: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-disk",
        metavar="MIB",
        help="Keep the state folder below: logged predictions go first, then waiting statistics "
        "are merged, then new versions are refused.",
        envvar="EDGEFLEET_MAX_DISK",
        rich_help_panel="Limits",
    ),
]
OutboxMb: TypeAlias = Annotated[
    int,
    typer.Option(
        "--outbox",
        metavar="MIB",
        help="Most statistics to keep while the cloud is out of reach; older ones are merged.",
        envvar="EDGEFLEET_OUTBOX",
        rich_help_panel="Limits",
    ),
]
DownloadOnly: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--download-only",
        help="Fetch and verify new versions, but let them begin only when they are told to: by the "
        "command install-update, or by the application.",
        envvar="EDGEFLEET_DOWNLOAD_ONLY",
        rich_help_panel="Updates",
    ),
]
TrustedRoot: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="The file root.json of `edgefleet keys init`: then only versions that it vouches for "
        "are installed, and only its director gives orders.",
        envvar="EDGEFLEET_TRUSTED_ROOT",
        rich_help_panel="Updates",
    ),
]
MaintenanceWindow: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="WINDOW",
        help="When new versions may begin, by the clock on a wall: '22:00-05:00 Europe/Oslo'. "
        "Several with semicolons between: 'sat,sun 00:00-24:00 UTC; mon-fri 01:00-04:00 UTC'.",
        envvar="EDGEFLEET_MAINTENANCE_WINDOW",
        rich_help_panel="Updates",
    ),
]
ShadowCpu: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="CORES",
        help="Processor cores that a candidate in the shadow may take on average.",
        envvar="EDGEFLEET_SHADOW_CPU",
        rich_help_panel="Updates",
    ),
]
ShadowSample: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Share of the calls that a candidate in the shadow repeats.",
        envvar="EDGEFLEET_SHADOW_SAMPLE",
        rich_help_panel="Updates",
    ),
]
LogFormat: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="console|json",
        help="How log lines look.",
        envvar="EDGEFLEET_LOG_FORMAT",
        rich_help_panel="Logging",
    ),
]
LogLevel: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="debug|info|warning|error",
        help="From which level on; the command set-log-level changes it at run time.",
        envvar="EDGEFLEET_LOG",
        rich_help_panel="Logging",
    ),
]
LogFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Log into this file, and into others when it is full.",
        envvar="EDGEFLEET_LOG_FILE",
        rich_help_panel="Logging",
    ),
]
LogFileMb: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="MIB",
        help="Size of a full log file.",
        envvar="EDGEFLEET_LOG_FILE_MB",
        rich_help_panel="Logging",
    ),
]
LogFiles: TypeAlias = Annotated[
    int,
    typer.Option(
        help="How many full ones to keep.",
        envvar="EDGEFLEET_LOG_FILES",
        rich_help_panel="Logging",
    ),
]
LogPredictions: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Write this share of the calls, rows and answers, into predictions.jsonl of the "
        "state folder, to find mistakes; they never leave the device. 0 for none, 1 for all.",
        envvar="EDGEFLEET_LOG_PREDICTIONS",
        rich_help_panel="Logging",
    ),
]
