"""``python -m benchmarks NAME [--quick]``: measure, print a table, keep the figures."""

import argparse
import sys
import warnings

from rich.console import Console

from benchmarks import all_benchmarks
from benchmarks.harness import BENCHMARKS, Run
from benchmarks.report import write_report

__all__ = ["main"]


def main() -> int:
    """Run what the command line names.

    Returns:
        1 if a benchmark could not run to its end, 2 for a name that is not there, else 0.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=all_benchmarks.__doc__
    )
    names = ", ".join(sorted(BENCHMARKS))
    parser.add_argument(
        "name",
        nargs="?",
        help=f"one of {names}; all: each of them, then report: docs/benchmarks.md of what is kept",
    )
    parser.add_argument("--quick", action="store_true", help="end within a minute; saves nothing")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    console = Console()
    if options.name is None:
        for name, function in sorted(BENCHMARKS.items()):
            console.print(f"{name:12} {(function.__doc__ or '').splitlines()[0]}", highlight=False)
        return 0
    if options.name not in (*BENCHMARKS, "all", "report"):
        parser.error(f"there is no benchmark {options.name!r}")
    warnings.simplefilter("ignore")  # small references are fine here
    chosen = {"all": list(BENCHMARKS), "report": []}.get(options.name, [options.name])
    failed = [name for name in chosen if not _measure(console, name, options)]
    if options.name in ("all", "report") and not options.quick:
        console.print(f"written to {write_report()}", highlight=False)
    for name in failed:
        console.print(f"[red]{name} could not run to its end[/red]")
    return 1 if failed else 0


def _measure(console: Console, name: str, options: argparse.Namespace) -> bool:
    """Run one benchmark, print and keep its figures; return whether it ran to its end.

    One that fails says so and leaves its kept figures as they were; of all, the others go on.
    """
    try:
        run = Run.of(name, quick=options.quick, seed=options.seed)
    except Exception:
        if options.name != "all":
            raise
        console.print_exception()
        return False
    run.print(console)
    if not options.quick:
        console.print(f"kept in {run.save()}", highlight=False)
    return True


if __name__ == "__main__":
    sys.exit(main())
