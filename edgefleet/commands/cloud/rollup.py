"""``edgefleet cloud rollup``."""

import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edge_contract.errors import EdgeError, UsageError
from edge_contract.names import checked_name
from edge_contract.package.digests import short
from edgefleet.options import AsJson
from edgefleet.printing import clock, print_line

if TYPE_CHECKING:
    from cloud_sync.adapters.sql.warehouse import SqlWarehouse
    from cloud_sync.cell_rollup import RolledUp

__all__ = ["rollup"]


def rollup(
    cell: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=URL",
            help="A cell, by the address of its API (again for more). Its token, a viewer's, is in "
            "EDGEFLEET_TOKEN_NAME, or the same for all in EDGEFLEET_TOKEN.",
        ),
    ] = None,
    data: Annotated[
        Path, typer.Option(help="Data folder of the parent.", envvar="EDGEFLEET_DATA")
    ] = Path("edgefleet-data"),
    store: Annotated[
        str, typer.Option(help="PostgreSQL database of the parent.", envvar="EDGEFLEET_STORE")
    ] = "",
    every: Annotated[float, typer.Option(help="Seconds between two passes.")] = 30.0,
    forget: Annotated[
        str | None, typer.Option(metavar="NAME", help="Forget a cell and all of its windows.")
    ] = None,
    *,
    once: Annotated[bool, typer.Option("--once", help="End after one pass.")] = False,
    as_json: AsJson = False,
) -> None:
    """Merge the windows of cells into a parent's store, each exactly once, until Ctrl-C.

    The parent then shows all cells together: counts, histograms, and quality estimated without
    labels. Windows that were corrected in a cell are corrected here. Packages that the parent does
    not have yet are fetched, unless a cloud runs on its data folder: push them to that one.

    Ended at any point, or started twice, it counts nothing twice. With --once the exit code is 1 if
    a cell could not be merged wholly. With --json each pass of a cell is a line.
    """
    from cloud_sync.stores import open_store
    from edgefleet.logs import log_to_stderr

    cells = [_named(text) for text in cell or ()]
    _require_sense(cells, every, forget)
    log_to_stderr()
    warehouse = open_store(store, data)
    try:
        if forget is not None:
            _forget(warehouse, forget)
            return
        is_whole = _until_ended(
            lambda: _pass(warehouse, data, cells, as_json=as_json), every_s=None if once else every
        )
    finally:
        warehouse.close()
    if once and not is_whole:
        raise typer.Exit(1)


def _until_ended(merge: Callable[[], bool], *, every_s: float | None) -> bool:
    """Merge once, or every so often until Ctrl-C or SIGTERM; return whether the last was whole.

    A signal breaks off what is on: a pass that is killed loses nothing, and a cell that does not
    answer would keep people waiting.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        is_whole = merge()
        while every_s is not None:
            time.sleep(every_s)
            is_whole = merge()
    except KeyboardInterrupt:
        return False
    return is_whole


def _named(text: str) -> tuple[str, str]:
    name, separator, url = text.partition("=")
    if not separator or not url.startswith(("http://", "https://")):
        raise UsageError(f"a cell is given as NAME=URL, oslo=https://oslo.example, got {text!r}")
    return checked_name(name, "cell"), url


def _require_sense(cells: Sequence[tuple[str, str]], every: float, forget: str | None) -> None:
    if bool(cells) == (forget is not None):
        raise UsageError("give the cells with --cell NAME=URL, or one to --forget")
    names = [name for name, _ in cells]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise UsageError(f"cell {doubled[0]!r} is given twice: each has a name of its own")
    if not 1.0 <= every <= 86_400.0:
        raise UsageError(f"--every is from 1 to 86400 seconds, got {every:g}")


def _forget(warehouse: "SqlWarehouse", name: str) -> None:
    known = {record.name: record.cell_id for record in warehouse.cells()}
    if name not in known:
        there = ", ".join(sorted(known)) or "none"
        raise UsageError(f"there is no cell {name!r} here; there are: {there}")
    windows = warehouse.forget_cell(known[name])
    print_line(f"{name}: {windows:,} windows are forgotten")


def _pass(
    warehouse: "SqlWarehouse", data: Path, cells: Sequence[tuple[str, str]], *, as_json: bool
) -> bool:
    """Merge every cell once; return whether all of all of them is here."""
    is_whole = True
    for name, url in cells:
        began_s = time.monotonic()
        try:
            told = _merge(warehouse, data, name, url)
        except EdgeError as error:
            is_whole = False
            if as_json:
                typer.echo(json.dumps({"cell": name, "error": str(error)}))
            else:
                print_line(f"{clock(time.time())}  {name}: {error}")
            continue
        is_whole = is_whole and not told.unknown
        if as_json:
            took_s = round(time.monotonic() - began_s, 3)
            typer.echo(json.dumps({**asdict(told), "took_s": took_s}))
        else:
            _print(warehouse, told, time.monotonic() - began_s)
    return is_whole


def _merge(warehouse: "SqlWarehouse", data: Path, name: str, url: str) -> "RolledUp":
    from cloud_sync.cell_rollup import CellRollUp
    from edgefleet.cell_packages import CellPackages
    from edgefleet.client import Cloud
    from edgefleet.client_cells import CloudCell

    variable = f"EDGEFLEET_TOKEN_{name.upper().replace('-', '_').replace('.', '_')}"
    token = os.environ.get(variable, "")
    with Cloud(url, token=token, program="rollup", timeout_s=30.0) as cloud:
        packages = CellPackages(data, cloud)
        return CellRollUp(warehouse, packages.spec, time.time).roll_up(name, CloudCell(cloud, url))


def _print(warehouse: "SqlWarehouse", told: "RolledUp", took_s: float) -> None:
    known = {record.name: record for record in warehouse.cells()}[told.name]
    print_line(
        f"{clock(time.time())}  {told.name}: {told.changed:,} windows merged, "
        f"{told.withdrawn:,} withdrawn, in {took_s:.1f} s; {known.rows:,} rows of "
        f"{known.devices:,} devices in all"
    )
    for package in told.unknown:
        print_line(
            f"  package {short(package)} is not in the parent's registry, where a cloud runs: push "
            "it there; its windows wait"
        )
