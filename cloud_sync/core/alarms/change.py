"""The detector of a change in the error rate against the fleet's own past, needing no reference.

It hands right and wrong, as zeros and ones, to a change detector such as ADWIN (Bifet and Gavalda,
"Learning from time-changing data with adaptive windowing", 2007): that keeps a window of the latest
numbers, and drops its older part when the two differ. Of merged counts nobody knows in which order
they came, so those of a minute are spread evenly. Such a detector comes from a library, behind
:class:`ChangeDetector`.
"""

from collections.abc import Callable, Sequence
from typing import Final, Protocol, TypeAlias

from cloud_sync.core.alarms.base import Finding, SubjectReading
from cloud_sync.core.alarms.budget import MONTH_S, AlarmBudget
from cloud_sync.core.alarms.error_counts import Missed, error_counter
from cloud_sync.core.alarms.standing import Standings
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import MessageError, UsageError
from edge_contract.package import Role
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Profile

__all__ = ["ChangeDetector", "ErrorChangeDetector", "MakeChangeDetector", "error_numbers"]

_FEWEST_LABELS: Final = 30
_STEP_S: Final = 60.0
_NUMBERS: Final = 64
"""So many numbers a change detector is given in one step at most; of more labels, their means."""

_KEPT: Final = 512
"""Steps that are kept, to go on from after a restart."""


class ChangeDetector(Protocol):
    """Finds changes of the mean of numbers from 0 to 1; made with the level of one question."""

    @property
    def mean(self) -> float:
        """Mean since the last change."""
        ...

    def update(self, value: float) -> bool:
        """Take in a number; return whether the mean has changed."""
        ...


MakeChangeDetector: TypeAlias = Callable[[float], ChangeDetector]
"""Makes one that finds a change in a step's numbers by chance with this probability at most."""


class ErrorChangeDetector:
    """Raises ``labels`` or ``error`` when more truths are missed than before.

    The level of one step is what the budget grants for a minute. Errors that become fewer
    raise nothing.

    Args:
        package: A classifier or a regression; what it counts says
            :mod:`cloud_sync.core.alarms.error_counts`.
        budget: How many false alarms it may raise; may be replaced at any time.
        state: What :meth:`to_state` returned earlier; ``None`` to begin.
        make: Makes the change detector.

    Raises:
        UsageError: No truths are counted for the package.
        MessageError: ``state`` is no such state.
    """

    def __init__(
        self,
        package: PackageFacts,
        budget: AlarmBudget,
        state: "JsonObject | None" = None,
        *,
        make: MakeChangeDetector,
    ) -> None:
        errors = error_counter(package)
        if errors is None:
            raise UsageError(
                f"no truths are counted for {package.manifest.reference}: "
                "it is neither a classifier nor a regression"
            )
        self.package = package
        self.budget = budget
        self._make = make
        self._errors = errors
        self._subject = errors.subject
        self._standings = Standings()
        self._steps: list[Missed] = []
        self._missed = Missed()
        self._asked_unix_s: float | None = None
        if state is not None:
            self._restore(Reader(state, "error change detector", MessageError))
        self._level = self._wanted_level()
        self._changes = self._replayed()

    def observe(
        self, increment: Profile, now_unix_s: float, *, stratum: str = ""
    ) -> Sequence[Finding]:
        """Take in labels that were never taken in before; see :class:`Detector`."""
        spec = self.package.specs[Role.LABELS]
        if increment.spec is not spec and increment.spec != spec:
            raise UsageError(
                f"increment is not of {self.package.manifest.reference} in the labels role"
            )
        self._missed = self._missed.plus(self._errors.count(increment))
        if self._asked_unix_s is None:
            self._asked_unix_s = now_unix_s
        if self._missed.labels < _FEWEST_LABELS or now_unix_s - self._asked_unix_s < _STEP_S:
            return []
        if self._level != self._wanted_level():
            self._level = self._wanted_level()
            self._changes = self._replayed()
        return self._ask(now_unix_s)

    def evidence(self) -> dict[str, float]:
        """Return 1 while the alarm stands: a change detector knows no more than yes and no."""
        return {self._subject: float(self._subject in self._standings)}

    def readings(self) -> dict[str, SubjectReading]:
        """Return the same, once there were labels."""
        if not self._steps:
            return {}
        return {self._subject: SubjectReading(self.evidence()[self._subject], self._missed.labels)}

    def drifted(self) -> frozenset[str]:
        """Return the subject if it was raised and is not calm again."""
        return self._standings.subjects

    def rearm(self) -> None:
        """Forget everything that was seen, and the standing alarm."""
        self._standings.clear()
        self._steps, self._missed = [], Missed()
        self._changes = self._replayed()

    def to_state(self) -> JsonObject:
        """Return everything but package and budget."""
        return {
            "standing": self._standings.to_json(),
            "steps": [list(step) for step in self._steps],
            "labels": self._missed.labels,
            "wrong": self._missed.wrong,
            "errors": self._errors.to_json(),
            "asked_unix_s": self._asked_unix_s,
        }

    def _restore(self, state: Reader) -> None:
        self._standings.restore(state["standing"], known=frozenset({self._subject}))
        self._steps = [
            Missed(item[0].integer(low=0, high=item[1].integer(low=1)), item[1].integer())
            for item in state["steps"].items()
        ]
        labels = state["labels"].integer(low=0)
        self._missed = Missed(state["wrong"].integer(low=0, high=labels), labels)
        self._errors.restore(state["errors"])
        asked = state["asked_unix_s"]
        self._asked_unix_s = None if asked.is_null else asked.number()

    def _ask(self, now_unix_s: float) -> list[Finding]:
        step, self._missed = self._missed, Missed()
        before = self._changes.mean
        answers = [self._changes.update(value) for value in error_numbers(*step)]
        changed = any(answers)
        self._asked_unix_s = now_unix_s
        self._steps = [*([] if changed else self._steps[1 - _KEPT :]), step]
        risen = changed and self._changes.mean > before
        if not self._standings.rises(
            self._subject, gradual=float(risen), abrupt=0.0, now_unix_s=now_unix_s
        ):
            return []
        after = self._changes.mean
        shares = f"{100 * after:.1f} % of rows lately (before that {100 * before:.1f} %)"
        text = f"{self._errors.verb} in {shares}"
        known = self.package.reference.rows
        return [Finding(self._subject, "adwin", 1.0, 0.0, 0.0, step.labels, known, "change", text)]

    def _wanted_level(self) -> float:
        return min(self.budget.granted_per_month * _STEP_S / MONTH_S, 0.5)

    def _replayed(self) -> ChangeDetector:
        """Return a change detector of the present level that has seen the latest numbers."""
        changes = self._make(self._level)
        for step in self._steps:
            for value in error_numbers(*step):
                changes.update(value)
        return changes


def error_numbers(wrong: int, labels: int) -> list[float]:
    """Return numbers from 0 to 1 with the mean of an error rate, errors spread evenly.

    All are 0 or 1 but for one, which takes what is left of an error: their spread is that of single
    labels, so a change is not seen too early.
    """
    numbers = min(labels, _NUMBERS)
    ends = [wrong * (index + 1) // labels for index in range(numbers)]
    values = [float(end - start) for start, end in zip([0, *ends], ends, strict=False)]
    left = wrong * numbers % labels / labels
    if left:
        values[values.index(0.0)] = left
    return values
