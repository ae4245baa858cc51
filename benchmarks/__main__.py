"""``python -m benchmarks NAME [--quick]``: measure, print a table, keep the figures."""

import argparse
import sys
import warnings

from rich.console import Console

from benchmarks import all_benchmarks
from benchmarks.harness import BENCHMARKS, Run

__all__ = ["main"]


def main() -> int:
    """Run what the command line names; return 2 for a name that is not there."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=all_benchmarks.__doc__
    )
    parser.add_argument("name", nargs="?", help=f"one of {', '.join(sorted(BENCHMARKS))}, or all")
    parser.add_argument("--quick", action="store_true", help="end within a minute; saves nothing")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    console = Console()
    if options.name is None:
        for name, function in sorted(BENCHMARKS.items()):
            console.print(f"{name:12} {(function.__doc__ or '').splitlines()[0]}", highlight=False)
        return 0
    if options.name not in (*BENCHMARKS, "all"):
        parser.error(f"there is no benchmark {options.name!r}")
    warnings.simplefilter("ignore")  # small references are fine here
    for name in BENCHMARKS if options.name == "all" else [options.name]:
        run = Run.of(name, quick=options.quick, seed=options.seed)
        run.print(console)
        if not options.quick:
            console.print(f"kept in {run.save()}", highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
