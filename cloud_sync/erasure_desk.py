"""The erasure desk: forgets what is known of one device, when somebody asks for that."""

from collections.abc import Callable
from typing import Final

from cloud_sync.backend import NotFoundError
from cloud_sync.conductor import Conductor
from cloud_sync.enrolment_views import ErasureView
from cloud_sync.group_desk import Note
from cloud_sync.ports import Warehouse
from cloud_sync.sample_views import SampleBook

__all__ = ["ErasureDesk"]

_STAYS: Final = (
    "its part in sums of the fleet, which nobody can tell apart",
    "numbers of its batches",
    "the record of who did what",
)


class ErasureDesk:
    """Forgets devices.

    Args:
        conductor: Owns what is known of the fleet.
        warehouse: Where the rest is kept.
        samples: Rows that devices handed over.
        pseudonym: Returns what stands for a device with its samples.
        note: Writes down what was done.
    """

    def __init__(
        self,
        conductor: Conductor,
        warehouse: Warehouse,
        samples: SampleBook,
        *,
        pseudonym: Callable[[str], str],
        note: Note,
    ) -> None:
        self._conductor = conductor
        self._warehouse = warehouse
        self._samples = samples
        self._pseudonym = pseudonym
        self._note = note

    def erase(self, device: str, *, by: str) -> ErasureView:
        """Forget a device; raises ``NotFoundError`` if nothing is known of it."""
        is_known = self._conductor.order(lambda: self._conductor.fleet.forget(device))
        names = {device, self._pseudonym(device)}
        samples = [file.name for file in self._samples.files() if _device_of(file.name) in names]
        for name in samples:
            self._samples.remove(name, by=by)
        erased = self._conductor.order(lambda: self._warehouse.erase_device(device))
        if not (is_known or samples or any(erased)):
            raise NotFoundError(f"nothing is known of a device {device!r}; `edgefleet fleet list`")
        counts = {**erased._asdict(), "samples": len(samples)}
        self._note(by, "device.erase", device, counts)
        return ErasureView(device, erased.windows, erased.answers, len(samples), _STAYS)


def _device_of(file: str) -> str:
    """Return whose samples a file holds: ``MODEL/VERSION/COMMAND-DEVICE-PART.parquet``."""
    return file.rpartition("/")[2].partition("-")[2].rpartition("-")[0]
