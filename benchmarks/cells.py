"""A cell under load whose servers are killed one after the other, and cells that are merged."""

import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.harness import Figure, benchmark
from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from cloud_sync.cell_rollup import CellRollUp
from edgefleet.client import Cloud
from edgefleet.client_cells import CloudCell
from tests.support.cell_world import CellVerdict, CellWorld
from tests.support.telemetry import DIGITS_ROLE

__all__ = ["cells"]

_SERVERS: Final = 3


@benchmark
def cells(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Kill each server of a cluster under load, collectors and the database too; merge upwards."""
    rounds, devices, dead_s = (1, 4, 1.0) if quick else (2, 20, 12.0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with CellWorld(folder, devices=devices, seed=seed) as world:
            began_s = time.monotonic()
            for round_number in range(rounds):
                for server in range(_SERVERS):
                    world.cluster.kill_server(server)
                    world.load(dead_s, every_s=0.25)
                    world.cluster.start_server(server)
                    world.load(dead_s / 2, every_s=0.25)
                if not quick:
                    _kill_more(world, round_number)
            lasted_s = time.monotonic() - began_s
            verdict = world.settle(120.0)
            parent_rows, second = _merged(world, folder)
            longest_s = max(device.longest_wait_s for device in world.devices)
            connects = sum(device.connects for device in world.devices)
    return _figures(verdict, rounds, devices, lasted_s, longest_s, connects, parent_rows, second)


def _kill_more(world: CellWorld, number: int) -> None:
    """Kill a collector, and the database, in turns."""
    if number % 2:
        world.ground.postgres.kill9()
        world.ground.postgres.start()
    else:
        world.ground.kill("two")
        world.load(4.0, every_s=0.25)
        world.start_collector("two")
    world.load(6.0, every_s=0.25)


def _merged(world: CellWorld, folder: Path) -> tuple[int, int]:
    """Merge the cell into a parent twice; return rows there, and windows of the second pass."""
    url = f"http://127.0.0.1:{world.http_port}"
    store = SqliteWarehouse(folder / "up")
    with Cloud(url, program="benchmark") as cloud, closing(store) as parent:
        roll_up = CellRollUp(parent, lambda _subject: world.ground.spec, time.time)
        roll_up.roll_up("one", CloudCell(cloud, url))
        second = roll_up.roll_up("one", CloudCell(cloud, url))
        return parent.cohort(DIGITS_ROLE, world.ground.spec).counters.rows, second.changed


def _figures(
    verdict: CellVerdict,
    rounds: int,
    devices: int,
    lasted_s: float,
    longest_s: float,
    connects: int,
    parent_rows: int,
    second: int,
) -> list[Figure]:
    sent, merged = sum(verdict.sent_rows.values()), sum(verdict.merged_rows.values())
    wrong = sum(
        abs(rows - verdict.merged_rows.get(name, 0)) for name, rows in verdict.sent_rows.items()
    )
    return [
        Figure("devices, each on a connection of its own", devices, "devices"),
        Figure("servers killed with -9 under load", rounds * _SERVERS, "kills"),
        Figure("that took", lasted_s, "s"),
        Figure("connections that devices made", connects, "connections"),
        Figure("rows that devices counted", sent, "rows"),
        Figure("rows merged", merged, "rows", sent, at_most=False),
        Figure("rows lost or doubled, device by device", wrong, "rows", 0.0),
        Figure("rows in windows of all devices", verdict.window_rows, "rows", sent, at_most=False),
        Figure("batches that nobody acknowledged in the end", verdict.left, "batches", 0.0),
        Figure("batches that came again after they were merged", verdict.repeated, "batches"),
        Figure("longest wait of a batch for its acknowledgement", longest_s, "s"),
        Figure("rows in the parent after two passes", parent_rows, "rows", sent, at_most=False),
        Figure("windows that the second pass changed", second, "windows", 0.0),
    ]
