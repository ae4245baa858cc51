"""A cloud and two cameras for a story, and what is compared at its end."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Final

from tests.integration.processes import eventually
from tests.integration.system import System, read_ledger
from tests.support.faults.world import Scene, Told

__all__ = ["counted", "fleet", "merged"]

_CAMERAS: Final = ["cam-1", "cam-2"]
_WAREHOUSE: Final = "warehouse.sqlite3"
_STORE: Final = "agent.db"
_SETTLES_S: Final = 60.0


@contextlib.contextmanager
def fleet(scene: Scene, *, before: Callable[[System], None] | None = None) -> Iterator[System]:
    """A cloud with its broker, and cameras that predict."""
    system = System(scene.folder)
    if before is not None:
        before(system)
    with system:
        system.cloud.client.push(scene.packages["1.0.0"])
        system.film(_CAMERAS)
        system.after(rows=scene.chance.randint(1, 40))
        yield system


def counted(system: System, *faults: str) -> Told:
    """Mend nothing more, wait until all has arrived, and compare."""
    told = system.settle()
    ledger = read_ledger(system.cloud.data)
    wrong = []
    if not told.returned == ledger.rows == ledger.device_rows:
        wrong.append(
            f"rows: {told.returned} observed, {ledger.rows} in windows, {ledger.device_rows} by "
            "devices"
        )
    if told.failed:
        wrong.append(f"{told.failed} predictions failed")
    wrong += _misjudged(system)
    return Told(faults, told.returned, ledger.device_rows, wrong)


def _misjudged(system: System) -> list[str]:
    """Return what the cloud believes of devices that is not so."""

    def views() -> list[str]:
        return [
            f"the cloud takes {device.name} for {device.status}"
            for device in system.cloud.client.devices()
            if device.status != "online"
        ]

    with contextlib.suppress(AssertionError):
        eventually("all are online", lambda: not views(), within_s=20.0)
    return views()


def merged(system: System) -> int:
    return read_ledger(system.cloud.data).rows
