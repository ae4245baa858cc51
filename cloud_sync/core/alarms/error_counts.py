"""Which truths that arrived were missed: what a change detector is told of them.

A classifier's prediction is right or wrong. A regression's counts as missed where its error is
larger than three quarters of the errors were before: of the author's rows, or of the first ones
that the fleet sent.
"""

from typing import Final, NamedTuple, Protocol

from cloud_sync.core.analysis.watched import truth_columns
from cloud_sync.core.facts import PackageFacts
from edge_contract.package import Role
from edge_contract.reading import JsonValue, Reader
from edge_contract.stats import Labels, LabelsSpec, Profile, Sketch, SketchSpec

__all__ = ["ClassErrors", "ErrorCounter", "LargeErrors", "Missed", "error_counter"]

_FEWEST_ERRORS: Final = 400
_QUANTILE: Final = 0.75


class Missed(NamedTuple):
    """Truths that arrived.

    Attributes:
        wrong: How many predictions missed them.
        labels: How many there were.
    """

    wrong: int = 0
    labels: int = 0

    def plus(self, other: "Missed") -> "Missed":
        """Return both together."""
        return Missed(self.wrong + other.wrong, self.labels + other.labels)


class ErrorCounter(Protocol):
    """Counts misses of one package.

    Attributes:
        subject: Of the column that it looks at.
    """

    subject: str

    @property
    def verb(self) -> str:
        """What a prediction or its error does when it misses."""
        ...

    def count(self, increment: Profile) -> Missed:
        """Return what was missed among new truths."""
        ...

    def to_json(self) -> JsonValue:
        """Return what it has learned."""
        ...

    def restore(self, state: Reader) -> None:
        """Take that up again; raises the reader's error."""
        ...


class ClassErrors:
    """Counts the wrong predictions of a classifier.

    Args:
        column: In the role of labels.
        subject: Of that column.
    """

    verb: Final = "is wrong"

    def __init__(self, column: int, subject: str) -> None:
        self._column = column
        self.subject = subject

    def count(self, increment: Profile) -> Missed:
        """Return wrong predictions and all."""
        labels = increment[self._column]
        if not isinstance(labels, Labels):
            return Missed()
        return Missed(labels.count - labels.correct, labels.count)

    def to_json(self) -> JsonValue:
        """Return nothing: there is nothing to learn."""
        return None

    def restore(self, state: Reader) -> None:
        """Check that there is nothing."""
        if not state.is_null:
            raise state.refused("null")


class LargeErrors:
    """Counts the large errors of a regression.

    Args:
        column: In the role of labels: the sketch of errors.
        subject: Of that column.
        spec: Of the sketch.
        known: Errors of the author's rows; without them, the fleet's first 400 only say what large
            is, and are not counted.
    """

    def __init__(self, column: int, subject: str, spec: SketchSpec, known: Sketch | None) -> None:
        self._column = column
        self.subject = subject
        self._first = spec.empty()
        self._bound = None if known is None else _quantile(known)

    @property
    def verb(self) -> str:
        """Name the bound, in the unit of the prediction."""
        return f"exceeds {self._bound or 0.0:.3g}"

    def count(self, increment: Profile) -> Missed:
        """Return large errors and all."""
        errors = increment[self._column]
        if not isinstance(errors, Sketch):
            return Missed()
        if self._bound is None:
            self._first = self._first.merged(errors)
            if self._first.finite >= _FEWEST_ERRORS:
                self._bound = _quantile(self._first)
            return Missed()
        labels = errors.count - errors.missing
        small = sum(count for size, count in _sizes(errors) if size <= self._bound)
        return Missed(labels - small, labels)

    def to_json(self) -> JsonValue:
        """Return the bound, or the errors that it will come from."""
        return {
            "bound": self._bound,
            "first": self._first.to_state() if self._bound is None else None,
        }

    def restore(self, state: Reader) -> None:
        """Take them up again."""
        bound, first = state["bound"], state["first"]
        self._bound = None if bound.is_null else bound.number(low=0.0)
        if not first.is_null:
            self._first = self._first.spec.decode(first.json_list())


def error_counter(package: PackageFacts) -> ErrorCounter | None:
    """Return what counts a package's misses; ``None`` if no truths are counted for it."""
    spec = package.specs[Role.LABELS]
    for index, subject in truth_columns(spec):
        column = spec.columns[index].spec
        if isinstance(column, LabelsSpec):
            return ClassErrors(index, subject)
        if isinstance(column, SketchSpec):
            labels = package.reference.labels
            known = None if labels is None else labels[index]
            if not isinstance(known, Sketch) or known.finite < _FEWEST_ERRORS:
                known = None
            return LargeErrors(index, subject, column, known)
    return None


def _sizes(errors: Sketch) -> list[tuple[float, int]]:
    """Return finite errors without their signs, with their counts, rising."""
    return sorted((abs(value), count) for value, count in errors.ordered())


def _quantile(errors: Sketch) -> float:
    wanted, seen, bound = _QUANTILE * errors.finite, 0, 0.0
    for size, count in _sizes(errors):
        if seen >= wanted:
            break
        seen += count
        bound = size
    return bound
