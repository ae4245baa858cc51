"""Shadow agreement: how often a candidate says what the serving model says, on the same inputs."""

from collections.abc import Sequence
from typing import ClassVar, Self

from edge_contract.reading import JsonObject, Reader
from edge_contract.records import dataclass, field, replace
from edge_contract.stats.base import State, register, require_same_spec, state_reader
from edge_contract.stats.moments import Moments, MomentsSpec
from edge_contract.stats.pairs import ClassPairs, pairs_state, read_pairs, valid_pair
from edge_contract.stats.sparse import added

__all__ = ["Agreement", "AgreementSpec"]


@register
@dataclass(frozen=True, slots=True)
class AgreementSpec:
    """How many classes both models know; 0 for models that predict a number.

    Attributes:
        classes: Number of classes.
    """

    kind: ClassVar[str] = "agreement"
    arity: ClassVar[int] = 4

    classes: int = 2

    def empty(self) -> "Agreement":
        """Return counts of nothing."""
        return Agreement(self)

    def decode(self, state: object) -> "Agreement":
        """Rebuild counts; raises ``MessageError`` for impossible ones."""
        reader = state_reader(state, self.kind)
        agreement = Agreement(
            self,
            unknown=reader[0].integer(low=0),
            pairs=read_pairs(reader[1], classes=self.classes),
            gap=MomentsSpec().decode(reader[2].json_list()),
        )
        if agreement.count != agreement.unknown + agreement.gap.count:
            raise reader.refused("one score gap for each row that is not unknown")
        return agreement

    def to_json(self) -> JsonObject:
        """Return the parameters."""
        return {"classes": self.classes}

    @classmethod
    def from_json(cls, reader: Reader) -> Self:
        """Read the parameters."""
        return cls(classes=reader["classes"].integer(low=0, high=100_000))

    @classmethod
    def examples(cls) -> Sequence[Self]:
        """Return one of three classes and one of numbers."""
        return (cls(3), cls(0))


@dataclass(slots=True)
class Agreement:
    """Counts of (serving class, its score, candidate's class, its score).

    Of a classifier the score is the probability of the class; of a model that predicts a number the
    score is that number and the classes are ignored.

    Attributes:
        spec: How many classes there are.
        unknown: Rows in which one of the two predicted no known class.
        pairs: Rows by ``serving class * classes + candidate's class``.
        gap: Moments of candidate's score - serving score.
    """

    spec: AgreementSpec
    unknown: int = 0
    pairs: ClassPairs = field(default_factory=dict)
    gap: Moments = field(default_factory=Moments)

    @property
    def count(self) -> int:
        """Rows compared."""
        if not self.spec.classes:
            return self.gap.count
        return self.unknown + sum(self.pairs.values())

    @property
    def agreed(self) -> int:
        """Rows in which both predicted the same class."""
        step = self.spec.classes + 1
        return sum(count for key, count in self.pairs.items() if key % step == 0)

    def observe(self, row: Sequence[float]) -> None:
        """Add one row of four numbers."""
        serving, serving_score, candidate, candidate_score = row
        if self.spec.classes:
            key = valid_pair(serving, candidate, classes=self.spec.classes)
            if key is None:
                self.unknown += 1
                return
            self.pairs[key] = self.pairs.get(key, 0) + 1
        self.gap.observe((candidate_score - serving_score,))

    def merged(self, other: Self) -> Self:
        """Return the counts of both streams."""
        require_same_spec(self.spec, other.spec)
        return type(self)(
            self.spec,
            unknown=self.unknown + other.unknown,
            pairs=added(self.pairs, other.pairs),
            gap=self.gap.merged(other.gap),
        )

    def to_state(self) -> State:
        """Return ``[unknown, pairs, moments of the gap]``."""
        return [self.unknown, pairs_state(self.pairs), self.gap.to_state()]

    def brief(self) -> Self:
        """Return the same with the moments in fewer digits: see :meth:`Moments.brief`."""
        return replace(self, gap=self.gap.brief())
