"""Options that several commands of ``edgefleet agent`` share: who the agent is, where, and how."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from typer.models import OptionInfo

__all__ = [
    "BrokerPassword",
    "BrokerUrl",
    "BrokerUser",
    "Device",
    "DeviceMemory",
    "Fleet",
    "Interval",
    "NoiseEpsilon",
    "Profile",
    "Provider",
    "Salt",
    "State",
    "Tags",
    "Threads",
    "Variant",
    "option",
]


def option(
    text: str, variable: str, *names: str, metavar: str | None = None, panel: str | None = None
) -> OptionInfo:
    """Return an option that may also stand in the environment.

    Args:
        text: What its help says.
        variable: Its name in the environment.
        names: Its names on the command line, where they are not the parameter's.
        metavar: What its help shows for a value.
        panel: Heading of the help that it stands under.
    """
    found: OptionInfo = typer.Option(
        *names, help=text, envvar=variable, metavar=metavar, rich_help_panel=panel
    )
    return found


State: TypeAlias = Annotated[
    Path | None, option("Folder for what survives a restart.", "EDGEFLEET_STATE")
]
Fleet: TypeAlias = Annotated[str, option("Name of the fleet.", "EDGEFLEET_FLEET")]
Device: TypeAlias = Annotated[
    str | None, option("Name of this device; by default the host's.", "EDGEFLEET_DEVICE")
]
Provider: TypeAlias = Annotated[
    list[str] | None,
    option(
        "Where the model runs: cuda, tensorrt, openvino, coreml, directml, cpu, or auto. "
        "Repeatable, by preference; the processor serves where none of them can.",
        "EDGEFLEET_PROVIDERS",
    ),
]
DeviceMemory: TypeAlias = Annotated[
    int | None, option("MiB that an accelerator may take for itself.", "EDGEFLEET_DEVICE_MEMORY_MB")
]
Profile: TypeAlias = Annotated[
    str,
    option(
        "What a call of the model may take of the processor.",
        "EDGEFLEET_PROFILE",
        metavar="low-power|balanced|throughput",
    ),
]
Threads: TypeAlias = Annotated[
    int | None,
    option(
        "Threads for one call of the model; by default as the profile says.", "EDGEFLEET_THREADS"
    ),
]
Variant: TypeAlias = Annotated[
    str,
    option(
        "Which variant of the model to run where its package holds several; the fastest is "
        "found by measuring here.",
        "EDGEFLEET_VARIANT",
        metavar="exact|smallest|fastest",
    ),
]
BrokerUrl: TypeAlias = Annotated[str | None, option("URL of the broker.", "EDGEFLEET_BROKER")]
BrokerUser: TypeAlias = Annotated[str | None, option("For the broker.", "EDGEFLEET_BROKER_USER")]
BrokerPassword: TypeAlias = Annotated[
    str | None,
    option(
        "For the broker; better in the environment, where other users do not see it.",
        "EDGEFLEET_BROKER_PASSWORD",
    ),
]
Tags: TypeAlias = Annotated[
    list[str] | None,
    option(
        "What to call this device: site=oslo. Repeatable; in the environment with spaces between.",
        "EDGEFLEET_TAGS",
    ),
]
Interval: TypeAlias = Annotated[
    float, option("Seconds in a telemetry window.", "EDGEFLEET_INTERVAL")
]
Salt: TypeAlias = Annotated[
    str | None,
    option(
        "Secret of the fleet for hashing texts that are no known category; better in the "
        "environment, where other users do not see it.",
        "EDGEFLEET_SALT",
    ),
]
NoiseEpsilon: TypeAlias = Annotated[
    float,
    option(
        "Add noise to all counts that leave, so that no single row can be told from them: "
        "differential privacy with this epsilon for each column of a window; 0 for none.",
        "EDGEFLEET_NOISE_EPSILON",
    ),
]
