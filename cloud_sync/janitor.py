"""The janitor: keeps what is old more coarsely, and forgets what is older still.

On a thread of its own, a little at a time: merging a day of a large fleet takes minutes of work
that nobody waits for.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from cloud_sync.core.increments import PackageRole
from cloud_sync.core.retention import Retention
from cloud_sync.ports import PackageRepository, Warehouse
from edge_contract.errors import EdgeError
from edge_contract.stats import ProfileSpec

__all__ = ["Janitor"]

_log = logging.getLogger("edgefleet.cloud")

_DAY_S: Final = 86_400
_HOUR_S: Final = 3600
_EVERY_S: Final = 600.0
_AT_ONCE: Final = 20
_PAUSE_S: Final = 0.05  # between two portions, for whoever else writes


class Janitor:
    """Makes room in the warehouse, every ten minutes.

    Args:
        warehouse: Where.
        packages: Know what profiles hold.
        retention: What stays.
        chores: What else is to be done, given the time.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        packages: PackageRepository,
        retention: Retention,
        chores: Sequence[Callable[[float], object]] = (),
    ) -> None:
        self._chores = chores
        self._warehouse = warehouse
        self._packages = packages
        self._retention = retention
        self._thorough_unix_s = 0.0
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)

    def start(self) -> None:
        """Begin, in the background."""
        self._thread.start()

    def stop(self) -> None:
        """End after the present portion. Idempotent."""
        self._leaving.set()
        if self._thread.is_alive():
            self._thread.join()

    def clean(self, now_unix_s: float) -> None:
        """Do everything that is due.

        Raises:
            UnavailableError: The warehouse is out of reach; the rest is done next time.
        """
        kept = self._retention
        # What comes later than a day is rare, and to look for it means to look at everything.
        is_thorough = now_unix_s >= self._thorough_unix_s
        if is_thorough:
            self._thorough_unix_s = now_unix_s + _DAY_S
        for days, span_s in ((kept.hourly_days, _DAY_S), (kept.fine_days, _HOUR_S)):
            before_unix_s = (now_unix_s - days * _DAY_S) // span_s * span_s
            made = _AT_ONCE
            while made == _AT_ONCE and not self._leaving.is_set():
                made = self._warehouse.roll_up(
                    self._spec,
                    before_unix_s=before_unix_s,
                    span_s=span_s,
                    since_unix_s=0.0 if is_thorough else before_unix_s - _DAY_S - span_s,
                    limit=_AT_ONCE,
                )
                self._leaving.wait(_PAUSE_S)
        oldest_unix_s = now_unix_s - kept.days * _DAY_S
        self._warehouse.prune(
            windows_before_unix_s=oldest_unix_s, device_windows_before_unix_s=oldest_unix_s
        )
        self._warehouse.thin_evidence(now_unix_s)
        for chore in self._chores:
            chore(now_unix_s)

    def _run(self) -> None:
        while not self._leaving.wait(_EVERY_S):
            try:
                self.clean(time.time())
            except EdgeError as error:
                _log.warning("%s", error)
            except Exception:  # noqa: BLE001  the rest of the service goes on
                _log.exception("a defect in the janitor: it tries again later")

    def _spec(self, subject: PackageRole) -> ProfileSpec | None:
        facts = self._packages.find(subject.package)
        return None if facts is None else facts.specs.get(subject.role)
