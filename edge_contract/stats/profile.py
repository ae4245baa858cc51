"""A profile: the statistics of one window, column by column."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self, TypeAlias

from edge_contract.errors import MessageError, UsageError
from edge_contract.reading import JsonObject, JsonValue, Reader
from edge_contract.records import dataclass
from edge_contract.stats.base import Spec, State, Statistic, spec_from_json
from edge_contract.stats.moments import Moments, MomentsSpec
from edge_contract.stats.probabilities import Probabilities, ProbabilitiesSpec
from edge_contract.stats.sketch import Sketch, SketchSpec

__all__ = ["Column", "Profile", "ProfileSpec", "ProfileState", "state_from_json", "state_to_json"]

ProfileState: TypeAlias = "Mapping[int, State]"
"""States of the columns that have seen anything, by column index."""


@dataclass(frozen=True, slots=True)
class Column:
    """One statistic of one subject.

    Attributes:
        subject: What is observed: ``feature:NAME``, ``prediction``, ``latency_us``, ``labels``.
        spec: Which statistic of it.
    """

    subject: str
    spec: Spec


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """Which statistics a window has, in an order that both sides know from the package."""

    columns: tuple[Column, ...] = ()

    def empty(self) -> "Profile":
        """Return the profile of an idle window."""
        return Profile(self, {})

    def decode(self, state: Mapping[int, object]) -> "Profile":
        """Rebuild a profile from :meth:`Profile.to_state`.

        Raises:
            MessageError: A column is unknown, or its state breaks an invariant.
        """
        statistics: dict[int, Statistic] = {}
        for index, column_state in state.items():
            if not 0 <= index < len(self.columns):
                raise _unknown(index, len(self.columns))
            statistics[index] = self.columns[index].spec.decode(column_state)
        return Profile(self, statistics)

    def check(self, state: Mapping[int, object]) -> dict[int, int]:
        """Return the observations of each column of a state, without rebuilding what is in it.

        Raises:
            MessageError: What :meth:`decode` would raise.
        """
        columns = self.columns
        counts: dict[int, int] = {}
        for index, column_state in state.items():
            if not 0 <= index < len(columns):
                raise _unknown(index, len(columns))
            counts[index] = _check_of(columns[index].spec)(column_state)
        return counts

    def indices(self, subject: str) -> dict[str, int]:
        """Return the columns of a subject: index by kind of statistic."""
        return {
            column.spec.kind: index
            for index, column in enumerate(self.columns)
            if column.subject == subject
        }

    def to_json(self) -> list[JsonObject]:
        """Return the columns for a package."""
        return [
            {"subject": column.subject, "kind": column.spec.kind, **column.spec.to_json()}
            for column in self.columns
        ]

    @classmethod
    def from_json(cls, items: Iterable[Reader]) -> Self:
        """Read the columns of a package; raises ``PackageError`` for an unknown kind."""
        return cls(
            tuple(
                Column(item["subject"].text(max_length=300), spec_from_json(item)) for item in items
            )
        )


def _unknown(index: int, columns: int) -> MessageError:
    return MessageError(
        f"profile has statistics of column {index}, but the package has {columns} columns"
    )


def _check_of(spec: Spec) -> Callable[[object], int]:
    if isinstance(spec, SketchSpec | MomentsSpec | ProbabilitiesSpec):
        return spec.check
    return lambda state: spec.decode(state).count


class Profile:
    """Statistics of one window; columns that saw nothing take no room.

    Obeys the laws of :class:`edge_contract.stats.base.Statistic` column by column.
    """

    __slots__ = ("_statistics", "spec")

    def __init__(self, spec: ProfileSpec, statistics: Mapping[int, Statistic]) -> None:
        self.spec = spec
        self._statistics = dict(statistics)

    def __len__(self) -> int:
        """Columns that have seen anything."""
        return len(self._statistics)

    def __getitem__(self, index: int) -> Statistic:
        """The statistic of a column; an empty one if it has seen nothing."""
        found = self._statistics.get(index)
        return self.spec.columns[index].spec.empty() if found is None else found

    def find(self, subject: str, kind: str) -> Statistic | None:
        """Return the statistic of a subject, or ``None`` if the package has no such column."""
        index = self.spec.indices(subject).get(kind)
        return None if index is None else self[index]

    def observe(self, index: int, row: Sequence[float]) -> None:
        """Add one observation to one column."""
        if index not in self._statistics:
            self._statistics[index] = self.spec.columns[index].spec.empty()
        self._statistics[index].observe(row)

    def absorb(self, state: Mapping[int, JsonValue]) -> None:
        """Add a state that :meth:`ProfileSpec.check` has taken, in place: quicker than merging."""
        statistics = self._statistics
        for index, column_state in state.items():
            statistic = statistics.get(index)
            if statistic is None:
                statistic = statistics[index] = self.spec.columns[index].spec.empty()
            if isinstance(statistic, Sketch | Moments | Probabilities) and isinstance(
                column_state, list
            ):
                statistic.absorb(column_state)
            else:
                statistics[index] = statistic.merged(statistic.spec.decode(column_state))

    def merged(self, other: "Profile") -> "Profile":
        """Return the profile of both windows.

        Raises:
            UsageError: The profiles belong to different packages.
        """
        if self.spec is not other.spec and self.spec != other.spec:
            raise UsageError("cannot merge profiles of different packages")
        indices = sorted(self._statistics.keys() | other._statistics.keys())
        return Profile(self.spec, {index: self[index].merged(other[index]) for index in indices})

    def brief(self) -> "Profile":
        """Return the same with sums in as few digits as they deserve: what a device sends."""
        return Profile(
            self.spec,
            {index: _brief(statistic) for index, statistic in self._statistics.items()},
        )

    def to_state(self) -> ProfileState:
        """Return the states of the columns that have seen anything."""
        return {index: self._statistics[index].to_state() for index in sorted(self._statistics)}


def _brief(statistic: Statistic) -> Statistic:
    """Return a statistic with sums in fewer digits, if it has sums."""
    shortened: Callable[[], Statistic] | None = getattr(statistic, "brief", None)
    return statistic if shortened is None else shortened()


def state_from_json(reader: Reader) -> dict[int, JsonValue]:
    """Read ``[[column, state], ...]``, columns rising, without looking into the states."""
    state: dict[int, JsonValue] = {}
    lowest = 0
    for item in reader.items():
        pair = item.json_list()
        if len(pair) != 2:
            raise item.refused("a pair of column and state")
        column = item[0].integer(low=lowest, high=1_000_000)
        state[column] = pair[1]
        lowest = column + 1
    return state


def state_to_json(state: "Mapping[int, JsonValue | State]") -> "list[list[JsonValue | State]]":
    """Return ``[[column, state], ...]`` in rising order of the columns."""
    return [[index, state[index]] for index in sorted(state)]
