"""What a mergeable statistic is, and where all of them are listed.

A statistic has two halves. Its *spec* is what must be agreed on before anything is counted: the
mapping of a sketch, the number of classes. It stands in the model package. The *statistic* is the
counts; only they travel, so a window of telemetry costs little.

To add a statistic: write one file beside this one, decorate its spec with ``@register`` and add the
import line to ``edge_contract/stats/__init__.py``. The laws in
``tests/laws/test_statistic_laws.py`` then run on it with no further code. A package of its own adds
one by an entry point in the group ``edgefleet.statistics`` that names the spec, and registers
nothing.
"""

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol, Self, TypeAlias, TypeVar

from edge_contract.errors import MessageError, PackageError, UsageError
from edge_contract.plugins import STATISTICS_GROUP, plugin
from edge_contract.reading import JsonObject, Reader

__all__ = [
    "SPECS",
    "Spec",
    "State",
    "Statistic",
    "register",
    "spec_from_json",
    "spec_of_kind",
]

State: TypeAlias = int | float | Sequence["State"]
"""What travels on the wire: JSON numbers and lists only, so that every peer can read it."""


class Statistic(Protocol):
    """A summary of a stream that can be merged with another device's summary.

    Laws, for all streams ``x`` and ``y`` (counts exactly, sums up to rounding):

    * identity: ``zero.merged(s) == s == s.merged(zero)``;
    * merging gives what one device would have seen: ``of(x).merged(of(y)) == of(x + y)``;
    * order of merging does not matter (commutative and associative);
    * ``spec.decode(s.to_state())`` has the same state, exactly.
    """

    @property
    def spec(self) -> "Spec":
        """What the counts mean."""
        ...

    @property
    def count(self) -> int:
        """Observations seen, those that were missing or not finite included."""
        ...

    def observe(self, row: Sequence[float]) -> None:
        """Add one observation of ``spec.arity`` numbers.

        Never raises for floats: what makes no sense is counted apart.
        """
        ...

    def merged(self, other: Self) -> Self:
        """Return a new statistic of both streams; neither operand changes.

        Raises:
            UsageError: The specs differ, so the counts cannot be added.
        """
        ...

    def to_state(self) -> State:
        """Return everything but the spec that is needed to rebuild this statistic."""
        ...


class Spec(Protocol):
    """What a statistic of one column counts. Frozen, hashable, and part of a model package."""

    kind: ClassVar[str]
    """The name on the wire and in packages."""

    @property
    def arity(self) -> int:
        """How many numbers make one observation."""
        ...

    def empty(self) -> Statistic:
        """Return a statistic that has seen nothing."""
        ...

    def decode(self, state: object) -> Statistic:
        """Rebuild a statistic from :meth:`Statistic.to_state`.

        Raises:
            MessageError: ``state`` breaks an invariant; the message names the place.
        """
        ...

    def to_json(self) -> JsonObject:
        """Return the parameters, without ``kind``."""
        ...

    @classmethod
    def from_json(cls, reader: Reader) -> "Spec":
        """Rebuild a spec from :meth:`to_json`; raises the reader's error."""
        ...

    @classmethod
    def examples(cls) -> "Sequence[Spec]":
        """Return a few specs unlike each other: the law suite runs on each."""
        ...


SPECS: dict[str, type[Spec]] = {}
"""Every known kind of statistic by its wire name; those of plugins once they were asked for."""

_SPEC_NAMES: Final = ("arity", "empty", "decode", "to_json", "from_json")

S = TypeVar("S", bound=Spec)


def register(cls: type[S]) -> type[S]:
    """List ``cls`` under ``cls.kind``. The name is on the wire: never reuse or rename it."""
    if cls.kind in SPECS:
        raise UsageError(f"statistic kind {cls.kind!r} is already taken; choose another name")
    SPECS[cls.kind] = cls
    return cls


def spec_from_json(reader: Reader) -> Spec:
    """Read ``{"kind": ..., ...parameters}``.

    Raises:
        PackageError: The kind is unknown here or a parameter is wrong.
    """
    return spec_of_kind(reader["kind"].text(max_length=64)).from_json(reader)


def spec_of_kind(kind: str) -> type[Spec]:
    """Return a kind of statistic, one of edgefleet's or of a plugin that is installed here.

    Raises:
        PackageError: It is unknown here, or what the plugin names is no kind of statistic.
    """
    if kind not in SPECS:
        found = plugin(STATISTICS_GROUP, kind)
        if found is None:
            raise PackageError(
                f"statistic kind {kind!r} is unknown here (known: {', '.join(sorted(SPECS))}): "
                f"upgrade edgefleet, or install the plugin that has it ({STATISTICS_GROUP})"
            )
        SPECS[kind] = _checked(found, kind)
    return SPECS[kind]


def _checked(found: object, kind: str) -> type[Spec]:
    """Return what a plugin names if it is a kind of statistic of that name."""
    named: object = getattr(found, "kind", None)
    missing = [name for name in _SPEC_NAMES if not hasattr(found, name)]
    if not isinstance(found, type) or named != kind or missing:
        trouble = f"lacks {', '.join(missing)}" if missing else f"has the kind {named!r}"
        raise PackageError(
            f"the plugin of statistic {kind!r} is {found!r:.80}, which {trouble}: it must be a "
            "class like edge_contract.stats.base.Spec"
        )
    spec: type[Spec] = found
    return spec


def state_reader(state: object, kind: str) -> Reader:
    """Return a reader over a statistic's state that raises ``MessageError``."""
    return Reader(state, kind, MessageError)


def require_same_spec(a: Spec, b: Spec) -> None:
    """Raise ``UsageError`` unless both statistics count the same thing."""
    if a != b:
        raise UsageError(f"cannot merge statistics of different specs: {a!r} and {b!r}")
