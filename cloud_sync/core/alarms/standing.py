"""What every detector keeps beside its evidence: when rows came last, and which alarms stand."""

from typing import Final

from cloud_sync.core.alarms.budget import MONTH_S
from edge_contract.reading import JsonObject, Reader

__all__ = ["Elapsed", "Standings"]

_FIRST_S: Final = 60.0
_LONGEST_S: Final = 3600.0
"""A longer silence counts as one hour, so that the first rows after it do not alarm by trifles."""

_CALM: Final = 0.01
_CALM_S: Final = 3600.0


class Elapsed:
    """Time since rows came last, which the budget is granted for."""

    __slots__ = ("_last_unix_s",)

    def __init__(self) -> None:
        self._last_unix_s: float | None = None

    def months(self, now_unix_s: float) -> float:
        """Return months since the last rows; an hour at most, a minute before the first ones."""
        if self._last_unix_s is None:
            return _FIRST_S / MONTH_S
        return min(max(now_unix_s - self._last_unix_s, 0.0), _LONGEST_S) / MONTH_S

    def note(self, now_unix_s: float) -> None:
        """Note that rows came."""
        self._last_unix_s = max(now_unix_s, self._last_unix_s or now_unix_s)

    def to_json(self) -> float | None:
        """Return the time of the last rows."""
        return self._last_unix_s

    def restore(self, kept: Reader) -> None:
        """Take over :meth:`to_json`."""
        self._last_unix_s = None if kept.is_null else kept.number()


class Standings:
    """Alarms that stand: each subject is raised once, until it has been calm for an hour."""

    __slots__ = ("_calm_since_unix_s",)

    def __init__(self) -> None:
        self._calm_since_unix_s: dict[str, float | None] = {}

    def __contains__(self, subject: object) -> bool:
        """Whether a subject was raised and is not calm again."""
        return subject in self._calm_since_unix_s

    @property
    def subjects(self) -> frozenset[str]:
        """All of them."""
        return frozenset(self._calm_since_unix_s)

    def rises(self, subject: str, *, gradual: float, abrupt: float, now_unix_s: float) -> bool:
        """Return whether a subject alarms now and has not done so; note whether it is calm.

        Args:
            subject: Which.
            gradual: What adds up over time, over its threshold.
            abrupt: A test of the latest rows alone, the same.
            now_unix_s: Now.
        """
        if subject in self._calm_since_unix_s:
            self._note_calm(subject, calm=gradual < _CALM and abrupt < 1.0, at=now_unix_s)
            return False
        if gradual < 1.0 and abrupt < 1.0:
            return False
        self._calm_since_unix_s[subject] = None
        return True

    def clear(self) -> None:
        """Let every subject be raised again."""
        self._calm_since_unix_s.clear()

    def to_json(self) -> JsonObject:
        """Return since when each subject is calm; null if it is not."""
        return dict(self._calm_since_unix_s)

    def restore(self, kept: Reader, *, known: frozenset[str]) -> None:
        """Take over :meth:`to_json` for the subjects that are known here."""
        self._calm_since_unix_s = {
            subject: None if calm.is_null else calm.number()
            for subject, calm in kept.fields().items()
            if subject in known
        }

    def _note_calm(self, subject: str, *, calm: bool, at: float) -> None:
        since = self._calm_since_unix_s[subject]
        if not calm:
            self._calm_since_unix_s[subject] = None
        elif since is None:
            self._calm_since_unix_s[subject] = at
        elif at - since >= _CALM_S:
            del self._calm_since_unix_s[subject]
