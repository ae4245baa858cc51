"""Noise on windows: added on the device, before anything is stored or sent."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from edge_agent.adapters.recorder import Recorder
from edge_contract.messages import WindowEntry
from edge_contract.package import LATENCY, Role, profile_specs

__all__ = ["WindowNoise"]

_EXACT: Final = (LATENCY,)
"""What tells of the machine and of nobody's rows."""


class WindowNoise:
    """Adds noise to the counts of windows, see :mod:`edge_contract.stats.noise`.

    Rows, calls, failures and drops stay exact.

    Args:
        epsilon: 0 leaves windows as they are.
        recorder: Knows the packages that windows belong to.
        draw: Source of chance, from 0 to below 1; by default the system's.
    """

    def __init__(
        self,
        epsilon: float,
        recorder: Recorder,
        *,
        draw: Callable[[], float] | None = None,
    ) -> None:
        self._epsilon = epsilon
        self._recorder = recorder
        self._draw = draw

    def added(self, entries: Sequence[WindowEntry]) -> Sequence[WindowEntry]:
        """Return the windows with noise on their counts."""
        return [self._noisy(entry) for entry in entries] if self._epsilon else entries

    def _noisy(self, entry: WindowEntry) -> WindowEntry:
        from edge_contract.stats.noise import noisy_profile  # few devices add noise

        manifest = self._recorder.manifest(entry.package)
        reference = self._recorder.reference(entry.package)
        spec = profile_specs(manifest, reference)[entry.role]
        known = reference.labels if entry.role == Role.LABELS else reference.profile
        profile = noisy_profile(
            spec.decode(entry.profile),
            known,
            epsilon=self._epsilon,
            draw=self._draw or _system_chance(),
            exact=_EXACT,
        )
        return replace(entry, profile=profile.to_state())


def _system_chance() -> Callable[[], float]:
    import random  # few devices add noise

    return random.SystemRandom().random
