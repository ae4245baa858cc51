"""``python -m benchmarks NAME [--quick]``: measure, print a table, keep the figures."""

import argparse
import sys
import time
import warnings
from typing import Final

from rich.console import Console

from benchmarks import all_benchmarks
from benchmarks.code_version import UNKNOWN, code_version
from benchmarks.harness import BENCHMARKS, CAMPAIGNS, RESULTS, Run
from benchmarks.report import code_of, write_report

__all__ = ["main"]

_INTERRUPTED: Final = 130  # what shells say of a program that Ctrl-C ended


def main() -> int:
    """Run what the command line names.

    Returns:
        1 if a benchmark could not run to its end, 2 for a name that is not there, 130 after
        Ctrl-C, else 0.
    """
    listed = {**BENCHMARKS, **CAMPAIGNS}
    parser = _parser(", ".join(sorted(listed)))
    options = parser.parse_args()
    console = Console()
    if options.name is None:
        for name, function in sorted(listed.items()):
            console.print(f"{name:12} {(function.__doc__ or '').splitlines()[0]}", highlight=False)
        return 0
    if options.name not in (*listed, "all", "report"):
        parser.error(f"there is no benchmark {options.name!r}: it is one of {', '.join(listed)}")
    if options.resume and options.name not in (*CAMPAIGNS, "all"):
        parser.error(
            f"{options.name!r} is measured in one go, there is nothing to resume: "
            f"that can {', '.join(sorted(CAMPAIGNS))} and all"
        )
    warnings.simplefilter("ignore")  # small references are fine here
    chosen = {"all": sorted(listed), "report": []}.get(options.name, [options.name])
    if options.name == "all" and options.resume:
        chosen = [name for name in chosen if not _is_measured(console, name)]
    try:
        failed = [name for name in chosen if not _measure(console, name, options)]
    except KeyboardInterrupt:
        console.print("ended by Ctrl-C; what had ended is kept", highlight=False)
        return _INTERRUPTED
    if options.name in ("all", "report") and not options.quick:
        console.print(f"written to {write_report()}", highlight=False)
    for name in failed:
        console.print(f"[red]{name} could not run to its end[/red]")
    return 1 if failed else 0


def _parser(names: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=all_benchmarks.__doc__
    )
    parser.add_argument(
        "name",
        nargs="?",
        help=f"one of {names}; all: each of them, then report: docs/benchmarks.md of what is kept",
    )
    parser.add_argument("--quick", action="store_true", help="end within a minute; saves nothing")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with a campaign of many runs where it was broken off; of all, leave out what "
        "is kept of this very code",
    )
    return parser


def _is_measured(console: Console, name: str) -> bool:
    """Whether the figures that are kept are of this very code; says so."""
    path = RESULTS / f"{name}.json"
    code = code_version()
    is_kept = code != UNKNOWN and path.exists() and code_of(path) == code
    if is_kept:
        console.print(f"{name} is kept of code {code}", highlight=False)
    return is_kept


def _measure(console: Console, name: str, options: argparse.Namespace) -> bool:
    """Run one benchmark, print and keep its figures; return whether it ran to its end.

    One that fails says so and leaves its kept figures as they were; of all, the others go on.
    Raises ``KeyboardInterrupt`` after a campaign that was interrupted, whose figures so far are
    kept.
    """
    began_s = time.monotonic()
    try:
        run = Run.of(name, quick=options.quick, seed=options.seed, resumes=options.resume)
    except Exception:  # a peer's program, a broker or a compiler: hours of others do not hang on it
        if options.name != "all":
            raise
        console.print_exception()
        return False
    run.print(console)
    console.print(f"{name} took {time.monotonic() - began_s:.0f} s", highlight=False)
    if not options.quick:
        console.print(f"kept in {run.save()}", highlight=False)
    if run.was_interrupted:
        console.print(f"python -m benchmarks {name} --resume goes on", highlight=False)
        raise KeyboardInterrupt
    return True


if __name__ == "__main__":
    sys.exit(main())
