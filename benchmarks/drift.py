"""Drift statistics from the device to the alarm, beside peers and limits, in one run.

Each ``benchmarks/drift_*.py`` is a section. To add one: write a file with a function
``figures(*, quick, seed)`` and list that in ``_SECTIONS``.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from benchmarks import drift_alarms, drift_ingest, drift_performance, drift_windows
from benchmarks.harness import Figure, benchmark

__all__ = ["drift"]


class _Section(Protocol):
    """Measures one part."""

    def __call__(self, *, quick: bool, seed: int) -> Sequence[Figure]:
        """Return its figures; ``quick`` asks for rough ones within 15 seconds."""
        ...


_SECTIONS: Final[tuple[_Section, ...]] = (
    drift_ingest.figures,
    drift_windows.figures,
    drift_alarms.figures,
    drift_performance.figures,
)


@benchmark
def drift(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Cost, size, accuracy and alarms of drift statistics, against the libraries there are."""
    return [figure for section in _SECTIONS for figure in section(quick=quick, seed=seed)]
