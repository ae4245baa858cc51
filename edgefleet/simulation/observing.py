"""Rows that a simulated device observes as time passes, and the windows that they make."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import Role
from edge_contract.reading import JsonValue
from edgefleet.simulation.habits import Habits
from edgefleet.simulation.shelf import Known

__all__ = ["Observing", "Serving"]


@dataclass(frozen=True, slots=True)
class Serving:
    """Which packages see the rows: by digest, empty for none."""

    serve: str = ""
    shadow: str = ""


class Observing:
    """Counts rows as time passes; draws their statistics when a window ends.

    Args:
        habits: Of the device.
        find: Finds packages that are here.
        chance: Decides.
    """

    def __init__(
        self,
        habits: Habits,
        find: Callable[[str], Known | None],
        chance: np.random.Generator,
    ) -> None:
        self._habits = habits
        self._find = find
        self._chance = chance
        self._serving = Serving()
        self._rows: dict[tuple[str, str], int] = {}
        self._failures: dict[str, int] = {}
        self._since_s = self._window_s = 0.0
        self._part = 0.0

    def begin(self, now_s: float, part: float) -> None:
        """Begin a life; ``part``, from 0 to 1, is how much of a row has been seen."""
        self._since_s = self._window_s = now_s
        self._part = part
        self._serving = Serving()
        self._rows.clear()
        self._failures.clear()

    def end(self) -> None:
        """Observe nothing more."""
        self._serving = Serving()

    @property
    def serves(self) -> str:
        """Digest of the package that answers calls; empty for none."""
        return self._serving.serve

    def route(self, serving: Serving, now_s: float) -> None:
        """From now on these packages see the rows."""
        self.pass_time(now_s)
        self._serving = serving

    def pass_time(self, now_s: float) -> tuple[int, int]:
        """Observe the rows since the last time; return good calls and failures of what serves."""
        seen = self._part + self._habits.rows_per_s * (now_s - self._since_s)
        self._since_s = now_s
        if not self._serving.serve:
            return 0, 0
        calls = int(seen)
        self._part = seen - calls
        known = self._find(self._serving.serve)
        if not calls or known is None:
            return 0, 0
        failing = self._habits.manner(known.manifest.version).failing
        failures = int(self._chance.binomial(calls, failing)) if failing else 0
        self._add(self._serving.serve, Role.PRIMARY, calls - failures)
        if failures:
            before = self._failures.get(self._serving.serve, 0)
            self._failures[self._serving.serve] = before + failures
        if self._serving.shadow:
            self._add(self._serving.shadow, Role.SHADOW, calls)
        return calls - failures, failures

    def windows(self, now_s: float, at_unix_s: float, elapsed_s: float) -> list[WindowEntry]:
        """Return what was counted since the last time; by the device's clock it is now.

        Args:
            now_s: Now.
            at_unix_s: By the device's clock.
            elapsed_s: Since the simulation began.
        """
        self.pass_time(now_s)
        # A clock may say anything; no window begins before time does, or ends long after today.
        end_unix_s = min(max(at_unix_s, 1.0), 4e9)
        start_unix_s = max(end_unix_s - (now_s - self._window_s), 0.0)
        self._window_s = now_s
        entries: list[WindowEntry] = []
        for digest, role in dict.fromkeys(
            [*self._rows, *((digest, Role.PRIMARY) for digest in self._failures)]
        ):
            known, rows = self._find(digest), self._rows.get((digest, role), 0)
            failures = self._failures.get(digest, 0) if role == Role.PRIMARY else 0
            if known is None:
                continue
            counters = Counters(rows, rows, failures)
            profile = self._drawn(known, role, rows, elapsed_s) if rows else {}
            entries.append(WindowEntry(digest, role, start_unix_s, end_unix_s, counters, profile))
        self._rows.clear()
        self._failures.clear()
        return entries

    def _drawn(
        self, known: Known, role: str, rows: int, elapsed_s: float
    ) -> Mapping[int, JsonValue]:
        look = self._habits.look(known.manifest, elapsed_s)
        return known.drawing.window(role, rows, look=look, chance=self._chance)

    def _add(self, digest: str, role: str, rows: int) -> None:
        if rows:
            self._rows[digest, role] = self._rows.get((digest, role), 0) + rows
