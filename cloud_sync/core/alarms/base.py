"""What a detector is, and what it finds.

A detector watches one package in one role and one segment. It takes *increments*: counts that it
has never seen, in the order in which they arrive. The desk keeps its state in the same transaction
that forgets the counts, so each row is taken in exactly once.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self

from cloud_sync.core.alarms.budget import AlarmBudget
from cloud_sync.core.facts import PackageFacts
from cloud_sync.core.records import SubjectReading
from cloud_sync.core.segments import Segment
from edge_contract.reading import JsonObject, Reader
from edge_contract.stats import Profile

__all__ = ["Cause", "Detector", "DetectorKind", "Finding", "SubjectReading"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One subject drifted.

    Attributes:
        subject: ``feature:NAME``, ``prediction``, or what else the detector watches.
        test: ``e-detector`` for what added up over time, ``ks`` for an abrupt change, ...
        evidence: The test's statistic over its threshold, 1 or more.
        ks: Distance of what was seen lately to the reference; 0 where there is no such thing.
        psi: The same as population stability index.
        rows: Rows that the two distances rest on.
        reference_rows: Rows of the reference.
        kind: Of the detector that found it: ``drift``, ``concept``, ...
        text: What happened to the subject, for people, if it is no distance between
            distributions: ``is missing in 31 % of rows (reference 2 %)``.
    """

    subject: str
    test: str
    evidence: float
    ks: float
    psi: float
    rows: int
    reference_rows: int
    kind: str = "drift"
    text: str = ""

    def to_json(self) -> JsonObject:
        """Return the numbers as evidence."""
        return {
            "kind": self.kind,
            "test": self.test,
            "evidence": self.evidence,
            "threshold": 1.0,
            "ks": self.ks,
            "psi": self.psi,
            "rows": self.rows,
            "reference_rows": self.reference_rows,
            "text": self.text,
        }

    @classmethod
    def from_json(cls, subject: str, reader: Reader) -> Self:
        """Read :meth:`to_json`; raises the reader's error."""
        return cls(
            subject=subject,
            test=reader["test"].text(),
            evidence=reader["evidence"].number(),
            ks=reader["ks"].number(),
            psi=reader["psi"].number(),
            rows=reader["rows"].integer(low=0),
            reference_rows=reader["reference_rows"].integer(low=0),
            kind=reader["kind"].text(),
            text=reader["text"].text(),
        )


class Cause(NamedTuple):
    """What a finding is about: which subject, found by which kind of detector, in which segment."""

    segment: Segment
    kind: str
    subject: str


class Detector(Protocol):
    """Watches some subjects of one package in one role and one segment.

    Laws: while nothing drifts, the expected number of findings up to any time is at most the
    integral of its budget's shares up to then, however the counts are cut into increments and
    however its budget changes meanwhile; ``observe`` after ``to_state`` and a restart finds what it
    would have found without; a subject is found once until it is calm again.

    Attributes:
        budget: How many false alarms it may raise from now on; replaced at any time.
    """

    budget: AlarmBudget

    def observe(
        self, increment: Profile, now_unix_s: float, *, stratum: str = ""
    ) -> Sequence[Finding]:
        """Take in counts that were never taken in before.

        Args:
            increment: Of one stratum. If there are several at one time, the one with the most
                rows comes first.
            now_unix_s: Now; the same for all strata of one look.
            stratum: Key of the package's ``Strata`` that all the rows belong to; empty if the
                reference has no strata. Rows of a stratum that the reference has no rows of can
                not be compared and change nothing.

        Returns:
            What drifted and had not been raised yet, the strongest evidence first.

        Raises:
            UsageError: The counts are of another package or role.
        """
        ...

    def evidence(self) -> Mapping[str, float]:
        """Return each subject's statistic over its threshold; 1 or more alarms."""
        ...

    def readings(self) -> Mapping[str, SubjectReading]:
        """Return where each subject stands that has seen anything."""
        ...

    def drifted(self) -> frozenset[str]:
        """Return the subjects that were raised and are not calm again."""
        ...

    def rearm(self) -> None:
        """Forget all evidence and all standing alarms: the operator has seen to it."""
        ...

    def to_state(self) -> JsonObject:
        """Return everything but package and budget."""
        ...


@dataclass(frozen=True, slots=True)
class DetectorKind:
    """A kind of detector, as the alarm desk knows it. All are listed in ``alarms/kinds.py``.

    Attributes:
        name: Of the kind: ``drift``. Stands in stored states and alarms: never reuse it.
        role: In which role a package's counts go to it.
        weight: Its part of the budget is this over the sum of the weights of all kinds.
        make: Makes one for a package, with its saved state or ``None`` to begin; returns ``None``
            if there is nothing about this package that it could watch.
    """

    name: str
    role: str
    weight: float
    make: "Callable[[PackageFacts, AlarmBudget, JsonObject | None], Detector | None]"
