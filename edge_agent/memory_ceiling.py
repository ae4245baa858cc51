"""Keeps the process below a size: a model with which it would be larger is not loaded."""

from typing import Final

from edge_agent.ports import InferenceEngine, InferenceSession, ResourceMeter
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import Package

__all__ = ["MemoryCeiling"]

_MIB: Final = 2**20


class MemoryCeiling:
    """An :class:`edge_agent.ports.InferenceEngine` in front of another one.

    A model takes at least the size of its file, and how much more is known only when it is there.
    So it is refused before it is loaded if its file alone is too large, and afterwards if the
    process has become too large with it; its session is then let go of.

    Args:
        engine: Makes the sessions.
        meter: Says how large the process is; where it cannot, nothing is refused.
        most_bytes: The ceiling.

    Raises:
        UsageError: The process is above the ceiling before any model is there.
    """

    def __init__(self, engine: InferenceEngine, meter: ResourceMeter, most_bytes: int) -> None:
        self._engine = engine
        self._meter = meter
        self._most_bytes = most_bytes
        used = meter.process_bytes()
        if used is not None and used > most_bytes:
            raise UsageError(
                f"memory may take {most_bytes // _MIB} MiB, but the process alone has "
                f"{used // _MIB} MiB: allow more"
            )

    @property
    def threads(self) -> int:
        """How many threads a call gets."""
        return self._engine.threads

    def load(self, package: Package) -> InferenceSession:
        """Return a session of the package's model; raises ``PackageError`` if it does not fit."""
        before = self._meter.process_bytes()
        file_bytes = len(package.model())
        if before is not None and before + file_bytes > self._most_bytes:
            raise self._too_large(package, before, file_bytes, "its file alone has")
        session = self._engine.load(package)
        after = self._meter.process_bytes()
        if before is not None and after is not None and after > self._most_bytes:
            raise self._too_large(package, before, after - before, "it takes")
        return session

    def _too_large(self, package: Package, before: int, needed: int, takes: str) -> PackageError:
        return PackageError(
            f"model of {package.manifest.reference} does not fit into memory: {takes} "
            f"{needed / _MIB:.1f} MiB, the process has {before / _MIB:.1f} MiB without it and may "
            f"have {self._most_bytes / _MIB:.0f} MiB; allow more, or make the model smaller"
        )
