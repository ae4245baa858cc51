"""What the cloud wants of each device: the stable versions, unless a rollout wants otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from cloud_sync.core.twin import DeviceTwin
from edge_contract.messages import Assignment, DesiredState, Target

__all__ = ["FleetWishes"]

_MAX_GENERATION: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class FleetWishes:
    """What holds for all devices.

    Attributes:
        stable: By model, the version for devices that no rollout wants another one of.
        packages_url: See :class:`DesiredState`.
        telemetry_interval_s: The same.
    """

    stable: Mapping[str, Target] = field(default_factory=dict)
    packages_url: str = ""
    telemetry_interval_s: float = 0.0

    def applied(self, twin: DeviceTwin) -> DeviceTwin:
        """Return the twin with the desired state that it should have; itself if it has it."""
        if twin.report is None:  # nothing is known of its models, so nothing can be wanted yet
            return twin
        wanted = DesiredState(
            generation=twin.desired_generation,
            models=self._models(twin),
            packages_url=self.packages_url,
            telemetry_interval_s=self.telemetry_interval_s,
        )
        # A device may know a later generation than we do: our data came from a backup.
        known = twin.report.generation if twin.report.generation < _MAX_GENERATION else 0
        if wanted == twin.desired and known <= twin.desired_generation:
            return twin
        newest = max(twin.desired_generation, known)
        return replace(twin, desired=replace(wanted, generation=newest + 1))

    def _models(self, twin: DeviceTwin) -> dict[str, Assignment]:
        """Only models that the device says it hosts: none is pushed onto it."""
        wanted: dict[str, Assignment] = {}
        for model in twin.report.models if twin.report else ():
            if model in twin.pins:
                wanted[model] = Assignment(serve=twin.pins[model])
            elif model in twin.assignments:
                wanted[model] = twin.assignments[model]
            elif model in self.stable:
                wanted[model] = Assignment(serve=self.stable[model])
        return wanted
