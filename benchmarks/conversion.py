"""How many of scikit-learn's estimators convert, with plain skl2onnx and with edgefleet."""

import logging
import multiprocessing
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from rich.console import Console

from benchmarks.conversion_boosters import compared_boosters
from benchmarks.conversion_cases import names
from benchmarks.conversion_sweep import Outcome, Verdict, by_edgefleet, by_skl2onnx, cell, sweep
from benchmarks.harness import Figure, benchmark

__all__ = ["conversion"]

_PAGE: Final = Path(__file__).parents[1] / "docs" / "conversion.md"
_BEGIN: Final = "<!-- begin: written by python -m benchmarks conversion -->"
_BEGIN_BOOSTERS: Final = "<!-- begin: boosters, written by python -m benchmarks conversion -->"
_END: Final = "<!-- end -->"
_WORST_FIRST: Final = (Verdict.WRONG, Verdict.UNFIT, Verdict.REFUSED, Verdict.RIGHT)
_LEAST_RIGHT: Final = 150
_ONE_IN_QUICK: Final = 8


class Rows(NamedTuple):
    """Numbers that estimators are fitted on."""

    kind: str
    offset: float


_ROWS: Final = (Rows("float32", 0.0), Rows("float64", 0.0))
_FAR: Final = Rows("float32", 1024.0)


@benchmark
def conversion(*, quick: bool, seed: int) -> Sequence[Figure]:  # noqa: ARG001  data are fixed
    """Convert every scikit-learn estimator and judge it on unseen and hostile rows."""
    only = frozenset(names()[::_ONE_IN_QUICK]) if quick else None
    kinds = _ROWS[:1] if quick else (*_ROWS, _FAR)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        # in a process where our own converters are not registered
        waiting = {rows: apart.submit(_plain, rows, only) for rows in kinds}
        ours = {rows: list(sweep(by_edgefleet, **rows._asdict(), only=only)) for rows in kinds}
        plain = {rows: future.result() for rows, future in waiting.items()}
    judged = [found for rows, found in ours.items() if rows in _ROWS]
    table = _Comparison(
        _worst(judged), _worst([found for rows, found in plain.items() if rows in _ROWS])
    )
    table.print(Console())
    boosters = compared_boosters(quick=quick)
    if not quick:
        _write(_BEGIN, f"{_counts_by_rows(ours, plain)}\n\n{table.markdown()}")
        if boosters.exported:
            _write(_BEGIN_BOOSTERS, boosters.markdown())
    right, plain_right = table.counts(Verdict.RIGHT)
    wrong, plain_wrong = table.counts(Verdict.WRONG)
    goal = None if quick else _LEAST_RIGHT
    return [
        Figure("estimators that predict or transform", len(table.ours), ""),
        Figure("right", right, "", goal, at_most=False, peer=f"plain skl2onnx: {plain_right}"),
        Figure("wrong, silently", wrong, "", 0, peer=f"plain skl2onnx: {plain_wrong}"),
        *_figures_of(_ROWS[0], ours, plain, label="rows of float32"),
        *_figures_of(_FAR, ours, plain, label=f"numbers around {_FAR.offset:g}"),
        *boosters.figures(),
    ]


def _plain(rows: Rows, only: frozenset[str] | None) -> list[Outcome]:
    logging.disable(logging.WARNING)  # skl2onnx logs what it also raises
    return list(sweep(by_skl2onnx, **rows._asdict(), only=only))


def _figures_of(
    rows: Rows,
    ours: Mapping[Rows, Sequence[Outcome]],
    plain: Mapping[Rows, Sequence[Outcome]],
    *,
    label: str,
) -> list[Figure]:
    if rows not in ours:
        return []
    counts = [Counter(it.verdict for it in found[rows]) for found in (ours, plain)]
    return [
        Figure(
            f"{verdict.value}, {label}",
            counts[0][verdict],
            "",
            0 if verdict is Verdict.WRONG else None,
            peer=f"plain skl2onnx: {counts[1][verdict]}",
        )
        for verdict in (Verdict.RIGHT, Verdict.WRONG)
    ]


def _counts_by_rows(
    ours: Mapping[Rows, Sequence[Outcome]], plain: Mapping[Rows, Sequence[Outcome]]
) -> str:
    lines = ["| rows | by | right | refused | wrong, silently |", "| --- | --- | --- | --- | --- |"]
    for rows in ours:
        what = f"{rows.kind}, around {rows.offset:g}" if rows.offset else rows.kind
        for by, found in (("plain skl2onnx", plain), ("edgefleet", ours)):
            counts = Counter(it.verdict for it in found[rows])
            three = (counts[it] for it in (Verdict.RIGHT, Verdict.REFUSED, Verdict.WRONG))
            lines.append(f"| {what} | {by} | {' | '.join(map(str, three))} |")
    return "\n".join(lines)


def _worst(sweeps: Sequence[Sequence[Outcome]]) -> list[Outcome]:
    """Return the worst outcome of each estimator over several kinds of rows."""
    return [min(found, key=lambda it: _WORST_FIRST.index(it.verdict)) for found in zip(*sweeps)]  # noqa: B905


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Outcomes of the same estimators, in the same order."""

    ours: Sequence[Outcome]
    plain: Sequence[Outcome]

    def counts(self, verdict: Verdict) -> tuple[int, int]:
        """Return how many have a verdict, of ours and with plain skl2onnx."""
        ours, plain = (sum(it.verdict is verdict for it in x) for x in (self.ours, self.plain))
        return ours, plain

    def print(self, console: Console) -> None:
        """Print a line for each estimator."""
        console.print(f"{'estimator':32} {'plain skl2onnx':16} {'edgefleet':16}", style="bold")
        for mine, other in zip(self.ours, self.plain, strict=True):
            console.print(
                f"{mine.name:32} {other.verdict:16} {mine.verdict:16} {mine.reason}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )

    def markdown(self) -> str:
        """Return a row for each estimator: the worse outcome of float32 and float64."""
        lines = ["| estimator | plain skl2onnx | edgefleet | reason |"]
        lines += ["| --- | --- | --- | --- |"]
        lines += [
            f"| {mine.name} | {other.verdict} | {mine.verdict} | {cell(mine.reason)} |"
            for mine, other in zip(self.ours, self.plain, strict=True)
        ]
        return "\n".join(lines)


def _write(begin: str, table: str) -> None:
    page = _PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(_END)
    _PAGE.write_text(f"{before}{begin}\n\n{table}\n\n{_END}{after}", encoding="utf-8")
