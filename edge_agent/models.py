"""The models of an agent: one, or several that share a device."""

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from edge_agent.model import Model, Shared
from edge_agent.switch import Routing, Switch
from edge_contract.errors import UsageError
from edge_contract.package import Manifest

__all__ = ["Models"]


class Models(Model):
    """One model, and then it is that model; or several, and then calls say which one.

    Args:
        names: Of the models, at least one.
        shared: What they have in common.

    Attributes:
        model: Name of the model; of several their names with commas between.
        models: The models by name.
    """

    def __init__(self, names: Sequence[str], shared: Shared) -> None:
        switches = shared.shell.switches
        self._is_single = len(names) == 1
        super().__init__(
            ", ".join(names), switches[names[0]] if self._is_single else Switch(), shared
        )
        self.models: Mapping[str, Model] = MappingProxyType(
            {names[0]: self}
            if self._is_single
            else {name: Model(name, switches[name], shared) for name in names}
        )

    def __getitem__(self, name: str) -> Model:
        """Return a model by its name; raises ``UsageError`` if the agent does not run it."""
        found = self.models.get(name)
        if found is None:
            known = ", ".join(map(repr, self.models))
            raise UsageError(
                f"agent {self._shared.device!r} runs no model {name!r} (it runs {known})"
            )
        return found

    @property
    def version(self) -> str:
        """The version that serves now; empty while none does. Of several, with commas between."""
        if self._is_single:
            return super().version
        return ", ".join(each.version for each in self.models.values())

    @property
    def manifest(self) -> Manifest | None:
        """What the version that serves now is, takes and gives; ``None`` while none does.

        Raises:
            UsageError: The agent runs several models.
        """
        if not self._is_single:
            raise self._is_several("manifest")
        return super().manifest

    def wait_ready(self, timeout_s: float | None = None) -> str:
        """Wait until a version serves, of several models one of each, and return them.

        Raises:
            UnavailableError: None does within ``timeout_s`` (by default ``ready_timeout_s``).
        """
        if self._is_single:
            return super().wait_ready(timeout_s)
        wait_s = self._shared.ready_timeout_s if timeout_s is None else timeout_s
        ends_s = time.monotonic() + wait_s
        return ", ".join(
            each.wait_ready(max(ends_s - time.monotonic(), 0.0)) for each in self.models.values()
        )

    def _first_routing(self, timeout_s: float | None = None) -> Routing:
        if not self._is_single:
            raise self._is_closed() if self._shared.closed.is_set() else self._is_several("predict")
        return super()._first_routing(timeout_s)

    def _is_several(self, what: str) -> UsageError:
        return UsageError(
            f"agent {self._shared.device!r} runs the models {self.model}: say which one, like "
            f"agent[{next(iter(self.models))!r}].{what}"
        )
