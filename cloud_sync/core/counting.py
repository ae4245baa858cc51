"""How telemetry is decoded, checked and added up: in plain Python, or by something quicker."""

from collections.abc import Mapping
from typing import Final, Protocol

from edge_contract.messages.codec import STANDARD, Tools
from edge_contract.reading import JsonValue
from edge_contract.stats import Profile, ProfileSpec

__all__ = ["PLAIN", "Counting", "PlainCounting", "ProfileSum"]


class ProfileSum(Protocol):
    """What profiles add up to."""

    def add(self, state: Mapping[int, JsonValue]) -> None:
        """Add states that :meth:`Counting.check` has taken."""
        ...

    def profile(self) -> Profile:
        """Return the sum; nothing is added afterwards."""
        ...


class Counting(Protocol):
    """Decodes, checks and adds up; whatever does it refuses the same and comes to the same."""

    @property
    def tools(self) -> Tools:
        """What messages are decoded with."""
        ...

    def check(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Mapping[int, int]:
        """Return the observations of each column; raises ``MessageError`` for impossible states."""
        ...

    def sum(self, spec: ProfileSpec) -> ProfileSum:
        """Return a sum of nothing yet."""
        ...


class _PlainSum:
    """Adds to a profile in place."""

    def __init__(self, spec: ProfileSpec) -> None:
        self._profile = spec.empty()

    def add(self, state: Mapping[int, JsonValue]) -> None:
        """Add states that were checked."""
        self._profile.absorb(state)

    def profile(self) -> Profile:
        """Return the sum."""
        return self._profile


class PlainCounting:
    """Implements :class:`Counting` in plain Python.

    Args:
        tools: What messages are decoded with.
    """

    def __init__(self, tools: Tools = STANDARD) -> None:
        self.tools = tools

    def check(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Mapping[int, int]:
        """Return the observations of each column."""
        return spec.check(state)

    def sum(self, spec: ProfileSpec) -> ProfileSum:
        """Return a sum of nothing yet."""
        return _PlainSum(spec)


PLAIN: Final = PlainCounting()
