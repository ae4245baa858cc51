"""Options of ``edgefleet cloud`` that say how long things are kept, and how much of them."""

from typing import Annotated, TypeAlias

import typer

__all__ = [
    "DailyDays",
    "FineDays",
    "HourlyDays",
    "SamplePseudonyms",
    "SamplesDays",
    "SamplesMb",
    "SamplesUrl",
]

FineDays: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Days for which statistics are kept as finely as they came.",
        envvar="EDGEFLEET_KEEP_FINE_DAYS",
    ),
]
HourlyDays: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Days for which they are kept by the hour, and then by the day.",
        envvar="EDGEFLEET_KEEP_HOURLY_DAYS",
    ),
]
DailyDays: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Days after which they are forgotten; totals, alarms and the record stay.",
        envvar="EDGEFLEET_KEEP_DAYS",
    ),
]
SamplesDays: TypeAlias = Annotated[
    float,
    typer.Option(
        help="Days after which samples of devices are removed.",
        envvar="EDGEFLEET_CLOUD_SAMPLES_DAYS",
    ),
]
SamplesMb: TypeAlias = Annotated[
    int,
    typer.Option(
        help="MiB of disk for samples of devices; then no more are taken.",
        envvar="EDGEFLEET_CLOUD_SAMPLES_MB",
    ),
]
SamplePseudonyms: TypeAlias = Annotated[
    bool,
    typer.Option(
        help="Name devices in samples by pseudonyms, which only this cloud can resolve.",
        envvar="EDGEFLEET_SAMPLE_PSEUDONYMS",
    ),
]
SamplesUrl: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Where devices bring samples, if not beside the packages: http://HOST/api/v1/uploads.",
        envvar="EDGEFLEET_SAMPLES_URL",
    ),
]
