"""``edgefleet agent score``."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from edge_contract.errors import UnavailableError, UsageError
from edgefleet.commands.agent.options import Device, DeviceMemory, Fleet, Provider, State, Variant

if TYPE_CHECKING:
    from edge_agent.batch.jobs import ScoreJob, ScoreSummary

__all__ = ["score"]

_SOME_REJECTED = 3


def score(  # noqa: PLR0917  one argument per option
    source: Annotated[
        Path,
        typer.Argument(
            metavar="IN",
            help="CSV, JSON lines, Parquet, Arrow or .npz; a folder of such files; - for "
            "standard input.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="CSV, JSON lines, Parquet or Arrow; a folder, for one file per part; - for "
            "standard output.",
        ),
    ],
    model: Annotated[
        str, typer.Option(help="Path of a model package, or name of a model on this device.")
    ],
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Repeat a column of IN in OUT. Repeatable."),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Where rows go that do not fit the model; by default OUT.rejected.jsonl, or "
            "standard error.",
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="End with an error at the first such row.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Begin anew where an earlier run was stopped.")
    ] = False,
    input_format: Annotated[
        str | None, typer.Option(help="Of standard input: jsonl (default), csv or arrow.")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option(
            help="Of standard output: jsonl (default) or csv; of the files in a folder: csv, "
            "jsonl, parquet or arrow (default: as IN, csv for .npz)."
        ),
    ] = None,
    cloud: Annotated[
        str | None,
        typer.Option(help="URL of the broker: statistics go there.", envvar="EDGEFLEET_BROKER"),
    ] = None,
    device: Device = None,
    fleet: Fleet = "default",
    state: State = None,
    provider: Provider = None,
    device_memory_mb: DeviceMemory = None,
    variant: Variant = "exact",
) -> None:
    """Predict every row of a file, or of a folder of files.

    Memory stays bounded by a block of rows, whatever the size. Each answer has the number of its
    row. Rows that do not fit the model are set aside with the reason, and the exit code is then 3.

    OUT appears when it is complete. After Ctrl-C, a crash or a power cut the same command goes on
    where the last one was.
    """
    from edge_agent.agent import Agent
    from edge_agent.batch.scoring import score as score_job

    jobs = _jobs(
        source,
        target,
        input_format=input_format,
        output_format=output_format,
        rejected=rejected,
        kept=tuple(keep or ()),
        strict=strict,
        restart=restart,
    )
    console = Console(stderr=True)
    results: list[ScoreSummary] = []
    with (
        Agent(
            model,
            cloud=cloud,
            device=device,
            fleet=fleet,
            state=state,
            providers=provider or ("cpu",),
            device_memory_mb=device_memory_mb,
            variant=variant,
        ) as agent,
        _stopping_between_blocks(at_once=jobs[0].source.is_stream) as stop,
    ):
        for job in jobs:
            result = score_job(agent, job, console=console, should_stop=stop.is_set)
            results.append(result)
            _tell(console, job, result)
            if not result.complete:
                raise typer.Exit(130)
    if any(result.rejected for result in results):
        raise typer.Exit(_SOME_REJECTED)


def _jobs(
    source: Path,
    target: Path,
    *,
    input_format: str | None,
    output_format: str | None,
    rejected: Path | None,
    kept: tuple[str, ...],
    strict: bool,
    restart: bool,
) -> "list[ScoreJob]":
    """Return one job, or one for each file of a folder whose answers go into a folder too."""
    from edge_agent.batch.jobs import ScoreJob
    from edge_agent.batch.sources import STDIO, parts_of, source_at

    if not (source.is_dir() and (target.is_dir() or not target.suffix) and target != STDIO):
        if target == STDIO and output_format not in (None, "jsonl", "csv"):
            raise UsageError(
                f"cannot write {output_format!r} to standard output: known are jsonl, csv"
            )
        return [
            ScoreJob(
                source=source_at(source, kind=input_format),
                target=target,
                rejects=rejected,
                kind=output_format or "jsonl",
                kept=kept,
                strict=strict,
                restart=restart,
            )
        ]
    if rejected is not None:
        raise UsageError("--rejected names one file, but every file of a folder has its own")
    parts = parts_of(source)
    if target.is_dir() and target.samefile(source):
        raise UsageError(f"{str(target)!r} is to be read and written: name another folder")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"cannot make folder {str(target)!r}: {error.strerror}") from error
    return [
        ScoreJob(
            source=source_at(part),
            target=target / f"{part.stem}{_ending(part, output_format)}",
            kept=kept,
            strict=strict,
            restart=restart,
        )
        for part in parts
    ]


def _ending(part: Path, output_format: str | None) -> str:
    from edge_agent.batch.jobs import TARGET_KINDS

    if output_format is None:
        return part.suffix if part.suffix in TARGET_KINDS else ".csv"
    if f".{output_format}" not in TARGET_KINDS:
        raise UsageError(f"cannot write {output_format!r}: known are csv, jsonl, parquet and arrow")
    return f".{output_format}"


def _tell(console: Console, job: "ScoreJob", result: "ScoreSummary") -> None:
    """Say what came of a job."""
    if result.began_anew:
        _say(console, "the source, the model or the options changed: began anew")
    if result.continued_after:
        _say(console, f"went on after {result.continued_after:,} rows of an earlier run")
    if not result.complete:
        _say(
            console,
            f"stopped after {result.rows:,} rows; "
            + (
                "standard input cannot be gone on with"
                if job.source.is_stream
                else "the same command goes on from there"
            ),
        )
        return
    by = f" by {' and '.join(result.models)}" if result.models else ""
    _say(console, f"predicted {result.rows:,} rows of {job.source.name} into {job.told_target}{by}")
    if result.rejected:
        where = job.rejects_path
        told = "" if where is None else f": see {where}"
        were = "1 row was" if result.rejected == 1 else f"{result.rejected:,} rows were"
        _say(console, f"{were} rejected{told}")


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)


@contextlib.contextmanager
def _stopping_between_blocks(*, at_once: bool) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C or SIGTERM into a wish to stop after the block; the second ends it.

    Args:
        at_once: Whether the first one ends it already: reading may wait for ever.
    """
    wish = threading.Event()

    def ask(_signal: int, _frame: object) -> None:
        if at_once or wish.is_set():
            raise KeyboardInterrupt
        wish.set()

    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.signal(number, ask) for number in numbers}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
