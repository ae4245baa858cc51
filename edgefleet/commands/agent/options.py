"""Options that several commands of ``edgefleet agent`` share."""

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["Device", "DeviceMemory", "Fleet", "Provider", "State", "Variant"]

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
        "Repeatable, by preference; the processor serves where none of them can."
    ),
]
DeviceMemory: TypeAlias = Annotated[
    int | None, typer.Option(help="MiB that an accelerator may take for itself.")
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
