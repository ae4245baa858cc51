"""Tries every package that comes from outside before the agent loads it."""

import logging
from typing import Final

from edge_agent.adapters.trial_process import CannotTryError, TrialProcess
from edge_agent.ports import PackageSource, PackageStore, ResourceMeter
from edge_contract.messages import Downloads
from edge_contract.package import Package

__all__ = ["TriedSource"]

_log = logging.getLogger("edgefleet.agent")

_MIB: Final = 2**20
_PROCESS_BYTES: Final = 150 * _MIB
_PER_MODEL: Final = 6
"""How many times its file a model takes while it is loaded, as forests do."""


class TriedSource:
    """A :class:`edge_agent.ports.PackageSource` in front of another one.

    Args:
        source: Where packages come from.
        trial: Tries them.
        meter: Says whether the device has memory to spare for that. Where it has not, or cannot
            say, the package is loaded untried: it comes from the fleet's registry.
    """

    def __init__(self, source: PackageSource, trial: TrialProcess, meter: ResourceMeter) -> None:
        self._source = source
        self._trial = trial
        self._meter = meter
        self._harmless: set[str] = set()

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Bring a package into the store, and raise ``PackageError`` if it did harm when tried.

        One that did none is not tried again when it is wanted another time: its digest says that
        it is the same.
        """
        self._source.fetch(digest, url, store)
        if digest in self._harmless:
            return
        package = store.load(digest)
        name = package.manifest.reference
        if not self._has_room(package):
            _log.info("model of %s was not tried beforehand: too little memory is free", name)
            return
        try:
            self._trial.require_harmless(package)
        except CannotTryError as error:
            _log.warning("%s; it is loaded untried", error)
        else:
            self._harmless.add(digest)

    def spent(self) -> Downloads:
        """Return what came since this was asked the last time."""
        return self._source.spent()

    def close(self) -> None:
        """Let a :meth:`fetch` on another thread end soon."""
        self._source.close()
        self._trial.close()

    def _has_room(self, package: Package) -> bool:
        free_mb = self._meter.read().memory_free_mb
        size = sum(model.size for model in package.manifest.models)
        return free_mb is not None and free_mb * _MIB > _PROCESS_BYTES + _PER_MODEL * size
