"""Options of ``edgefleet agent run`` alone: serving, updates, limits and logging."""

from pathlib import Path
from typing import Annotated, TypeAlias

from edgefleet.commands.agent.options import option

__all__ = [
    "CaFile",
    "DownloadOnly",
    "JoinToken",
    "KeepSamples",
    "LogFile",
    "LogFileMb",
    "LogFiles",
    "LogFormat",
    "LogLevel",
    "LogPredictions",
    "MaintenanceWindow",
    "MaxDisk",
    "MaxMemory",
    "OutboxMb",
    "PlainText",
    "SamplesDays",
    "SamplesMb",
    "Serve",
    "ServeBatch",
    "ServeDeadline",
    "ServeDelay",
    "ServeUnix",
    "ShadowCpu",
    "ShadowSample",
    "TrustedRoot",
]

Serve: TypeAlias = Annotated[
    str | None,
    option(
        "HOST:PORT where other processes get predictions by the Open Inference Protocol.",
        "EDGEFLEET_SERVE",
        panel="Serving",
    ),
]
ServeUnix: TypeAlias = Annotated[
    Path | None,
    option(
        "The same by frames on a Unix socket at this path.", "EDGEFLEET_SERVE_UNIX", panel="Serving"
    ),
]
ServeBatch: TypeAlias = Annotated[
    int, option("Most rows of requests joined in a call.", "EDGEFLEET_SERVE_BATCH", panel="Serving")
]
ServeDelay: TypeAlias = Annotated[
    float,
    option(
        "How long a request may wait for others to be joined with.",
        "EDGEFLEET_SERVE_DELAY_MS",
        panel="Serving",
    ),
]
ServeDeadline: TypeAlias = Annotated[
    float,
    option(
        "Seconds that a request may wait for its prediction.",
        "EDGEFLEET_SERVE_DEADLINE",
        panel="Serving",
    ),
]
MaxMemory: TypeAlias = Annotated[
    int | None,
    option(
        "Refuse versions with which this process would take more memory.",
        "EDGEFLEET_MAX_MEMORY",
        "--max-memory",
        metavar="MIB",
        panel="Limits",
    ),
]
MaxDisk: TypeAlias = Annotated[
    int | None,
    option(
        "Keep the state folder below: logged predictions go first, then waiting statistics "
        "are merged, then new versions are refused.",
        "EDGEFLEET_MAX_DISK",
        "--max-disk",
        metavar="MIB",
        panel="Limits",
    ),
]
OutboxMb: TypeAlias = Annotated[
    int,
    option(
        "Most statistics to keep while the cloud is out of reach; older ones are merged.",
        "EDGEFLEET_OUTBOX",
        "--outbox",
        metavar="MIB",
        panel="Limits",
    ),
]
DownloadOnly: TypeAlias = Annotated[
    bool,
    option(
        "Fetch and verify new versions, but let them begin only when they are told to: by the "
        "command install-update, or by the application.",
        "EDGEFLEET_DOWNLOAD_ONLY",
        "--download-only",
        panel="Updates",
    ),
]
TrustedRoot: TypeAlias = Annotated[
    Path | None,
    option(
        "The file root.json of `edgefleet keys init`: then only versions that it vouches for "
        "are installed, and only its director gives orders.",
        "EDGEFLEET_TRUSTED_ROOT",
        panel="Updates",
    ),
]
JoinToken: TypeAlias = Annotated[
    str | None,
    option(
        "What `edgefleet fleet enroll` printed: the device joins at its first start.",
        "EDGEFLEET_JOIN_TOKEN",
        metavar="TOKEN",
    ),
]
CaFile: TypeAlias = Annotated[
    Path | None,
    option(
        "Certificates to trust for the cloud, in place of the system's.", "EDGEFLEET_CA", "--ca"
    ),
]
PlainText: TypeAlias = Annotated[
    bool,
    option(
        "Allow mqtt://, ws:// and --serve beyond this machine, where others can listen on the way.",
        "EDGEFLEET_PLAIN_TEXT",
        "--plain-text",
    ),
]
MaintenanceWindow: TypeAlias = Annotated[
    str | None,
    option(
        "When new versions may begin, by the clock on a wall: '22:00-05:00 Europe/Oslo'. "
        "Several with semicolons between: 'sat,sun 00:00-24:00 UTC; mon-fri 01:00-04:00 UTC'.",
        "EDGEFLEET_MAINTENANCE_WINDOW",
        metavar="WINDOW",
        panel="Updates",
    ),
]
ShadowCpu: TypeAlias = Annotated[
    float,
    option(
        "Processor cores that a candidate in the shadow may take on average.",
        "EDGEFLEET_SHADOW_CPU",
        metavar="CORES",
        panel="Updates",
    ),
]
ShadowSample: TypeAlias = Annotated[
    float,
    option(
        "Share of the calls that a candidate in the shadow repeats.",
        "EDGEFLEET_SHADOW_SAMPLE",
        metavar="SHARE",
        panel="Updates",
    ),
]
KeepSamples: TypeAlias = Annotated[
    list[str] | None,
    option(
        "Purpose for which rows that the model was unsure of, or that differ from its reference, "
        "may be kept and handed to the cloud when the operator asks; by default no row ever "
        "leaves the device. Repeatable; in the environment with spaces between.",
        "EDGEFLEET_KEEP_SAMPLES",
        metavar="PURPOSE",
        panel="Samples",
    ),
]
SamplesMb: TypeAlias = Annotated[
    float,
    option(
        "Disk that samples may take; the oldest make room.",
        "EDGEFLEET_SAMPLES_MB",
        metavar="MIB",
        panel="Samples",
    ),
]
SamplesDays: TypeAlias = Annotated[
    float,
    option(
        "How long a sample may stay on the device.",
        "EDGEFLEET_SAMPLES_DAYS",
        metavar="DAYS",
        panel="Samples",
    ),
]
LogFormat: TypeAlias = Annotated[
    str,
    option("How log lines look.", "EDGEFLEET_LOG_FORMAT", metavar="console|json", panel="Logging"),
]
LogLevel: TypeAlias = Annotated[
    str,
    option(
        "From which level on; the command set-log-level changes it at run time.",
        "EDGEFLEET_LOG",
        metavar="debug|info|warning|error",
        panel="Logging",
    ),
]
LogFile: TypeAlias = Annotated[
    Path | None,
    option(
        "Log into this file, and into others when it is full.",
        "EDGEFLEET_LOG_FILE",
        panel="Logging",
    ),
]
LogFileMb: TypeAlias = Annotated[
    float,
    option("Size of a full log file.", "EDGEFLEET_LOG_FILE_MB", metavar="MIB", panel="Logging"),
]
LogFiles: TypeAlias = Annotated[
    int, option("How many full ones to keep.", "EDGEFLEET_LOG_FILES", panel="Logging")
]
LogPredictions: TypeAlias = Annotated[
    float,
    option(
        "Write this share of the calls, rows and answers, into predictions.jsonl of the "
        "state folder, to find mistakes; they never leave the device. 0 for none, 1 for all.",
        "EDGEFLEET_LOG_PREDICTIONS",
        metavar="SHARE",
        panel="Logging",
    ),
]
