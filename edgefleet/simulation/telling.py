"""How a simulation is shown in a terminal: progress while it runs, tables at the end."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from edgefleet.simulation.outcome import Outcome
from edgefleet.simulation.simulation import Glance
from edgefleet.simulation.tally import Delays

__all__ = ["ProgressLine", "print_outcome"]

_MOST_SHOWN = 5


class ProgressLine:
    """One line that says how far it is; a context manager.

    Args:
        console: Where.
        lasts_s: How long it will take.
    """

    def __init__(self, console: Console, lasts_s: float) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(20),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}", style="dim"),
            console=console,
            transient=not console.is_terminal,
        )
        self._task = self._progress.add_task("starting", total=lasts_s, figures="")

    def __enter__(self) -> "ProgressLine":
        """Show it."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave it as it is."""
        self._progress.stop()

    def show(self, glance: Glance) -> None:
        """Say how far it is."""
        tally = glance.tally
        words = [
            f"{tally.connected}/{tally.devices} connected",
            f"{tally.rows} rows",
            f"{tally.waiting_batches} batches wait",
            *(
                f"{run.version} {run.state or 'refused'} {len(run.reporting)}"
                for run in glance.orders.rollouts[-1:]
            ),
        ]
        self._progress.update(
            self._task,
            completed=max(glance.elapsed_s, 0.0),
            description=glance.phase,
            figures=", ".join(words),
        )


def print_outcome(console: Console, outcome: Outcome) -> None:
    """Print what came of a simulation."""
    tally = outcome.tally
    console.print(_delay_table(outcome))
    console.print(
        f"{tally.connects} connections made by {tally.devices} devices, {tally.failed_connects} "
        f"attempts in vain, {tally.losses} lost; {tally.restarts} restarts"
    )
    console.print(
        f"{tally.batches} batches, {tally.waiting_batches} of them not acknowledged; "
        f"{outcome.observed_rows} rows observed, {outcome.merged_rows} merged"
        + (f", {outcome.told_lost_rows} told as forgotten" if outcome.told_lost_rows else "")
    )
    for run in outcome.rollouts:
        if not run.error:
            console.print(f"rollout of {run.version} ({run.strategy}): {run.state}. {run.sentence}")
    for sentence in outcome.alarms[:_MOST_SHOWN]:
        console.print(f"alarm: {sentence}")
    if len(outcome.alarms) > _MOST_SHOWN:
        console.print(f"and {len(outcome.alarms) - _MOST_SHOWN} alarms more")
    for text, count in tally.warnings.most_common(_MOST_SHOWN):
        console.print(f"devices warned {count} times: {text}", style="dim")
    for problem in outcome.problems:
        console.print(f"[yellow]not as wanted:[/yellow] {problem}")
    _print_losses(console, outcome)


def _print_losses(console: Console, outcome: Outcome) -> None:
    losses = outcome.losses
    if not losses:
        console.print("[green]every row that was observed was merged once[/green]")
        return
    console.print(f"[red]the rows of {len(losses)} devices do not add up[/red]")
    table = Table("device", "observed", "told lost", "merged", "missing")
    for loss in losses[:_MOST_SHOWN]:
        table.add_row(
            loss.device,
            *map(str, (loss.observed, loss.told_lost, loss.merged, loss.missing)),
        )
    console.print(table)


def _delay_table(outcome: Outcome) -> Table:
    table = Table("delays", "count", "p50", "p95", "longest")
    _add_delays(table, "beginning to first connection", outcome.tally.arriving)
    _add_delays(table, "connect", outcome.tally.connecting)
    _add_delays(table, "end of a window to queryable", outcome.tally.merging)
    for command in outcome.commands:
        after = "-" if command.all_after_s is None else f"{command.all_after_s:.2f} s"
        table.add_row(f"command {command.name} to all done", str(command.devices), "", "", after)
    for run in outcome.rollouts:
        _add_delays(table, f"rollout of {run.version} to reported", run.reporting)
    return table


def _add_delays(table: Table, name: str, delays: Delays) -> None:
    shown = (delays.quantile_s(0.5), delays.quantile_s(0.95), delays.longest_s)
    table.add_row(name, str(len(delays)), *(f"{found:.2f} s" for found in shown))
