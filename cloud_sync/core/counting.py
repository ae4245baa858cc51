"""How telemetry is decoded, checked and added up: in plain Python, or by something quicker."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol, TypeAlias

from edge_contract.messages import TelemetryBatch
from edge_contract.messages.codec import STANDARD, Tools
from edge_contract.reading import JsonValue
from edge_contract.stats import Profile, ProfileSpec

__all__ = ["PLAIN", "Counting", "Observed", "PlainCounting", "ProfileSum", "SpecLookup", "observed"]

SpecLookup: TypeAlias = Callable[[str, str], ProfileSpec | None]
"""Finds what a package counts in a role, by digest and role."""


class Observed(NamedTuple):
    """What a window has observed.

    Attributes:
        most: Observations of the column that has most.
        by_column: Observations of each column.
    """

    most: int
    by_column: Mapping[int, int]


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

    def decode_many(
        self, payloads: Sequence[bytes], specs: SpecLookup
    ) -> Sequence[TelemetryBatch | None]:
        """Decode and check telemetry together, which is quicker than one after the other.

        Returns:
            For each payload its batch, if all of it can be true; ``None`` for what is to be decoded
            and checked by itself, which tells what is wrong with it if anything is.
        """
        ...

    def check(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Observed:
        """Return what was observed; raises ``MessageError`` for impossible states."""
        ...

    def sum(self, spec: ProfileSpec) -> ProfileSum:
        """Return a sum of nothing yet."""
        ...


def observed(by_column: Mapping[int, int]) -> Observed:
    """Return what was observed, given the observations of each column."""
    return Observed(max(by_column.values(), default=0), by_column)


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

    def decode_many(
        self, payloads: Sequence[bytes], specs: SpecLookup
    ) -> Sequence[TelemetryBatch | None]:
        """Leave all of them to be taken one by one."""
        return [None] * len(payloads)

    def check(self, spec: ProfileSpec, state: Mapping[int, JsonValue]) -> Observed:
        """Return what was observed."""
        return observed(spec.check(state))

    def sum(self, spec: ProfileSpec) -> ProfileSum:
        """Return a sum of nothing yet."""
        return _PlainSum(spec)


PLAIN: Final = PlainCounting()
