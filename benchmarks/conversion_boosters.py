"""Which boosters convert, by edgefleet and by the exporters that are usually taken."""

import pickle
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import lightgbm
import numpy as np
import sklearn
import xgboost
from catboost import CatBoost
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from benchmarks.boosters.catboost_plans import catboost_plans
from benchmarks.boosters.lightgbm_plans import lightgbm_plans
from benchmarks.boosters.plans import TRAIN, Labels, Plan, Rows, rows_of
from benchmarks.boosters.speakers import speaker_of
from benchmarks.boosters.xgboost_plans import xgboost_plans
from benchmarks.conversion_cases import Case, Data
from benchmarks.conversion_sweep import Outcome, Verdict, cell, judged
from benchmarks.harness import Figure
from benchmarks.peers import PeerProcess, python_of
from edge_contract.errors import UnavailableError, UsageError

__all__ = ["BoosterOutcome", "Compared", "boosters_by_edgefleet", "compared_boosters", "plans"]

_TOOLS: Final = (
    "onnxmltools==1.16.0",
    f"lightgbm=={lightgbm.__version__}",
    f"xgboost-cpu=={xgboost.__version__}",
    f"scikit-learn=={sklearn.__version__}",
    "packaging",
    "pandas",
)
_STEPS: Final = 20

_ONE_IN_QUICK: Final = 12

Convert: TypeAlias = Callable[["_Booster"], bytes]


class BoosterOutcome(NamedTuple):
    """What became of a booster."""

    library: str
    what: str
    outcome: Outcome


class _Booster(NamedTuple):
    """A fitted booster with its rows."""

    library: str
    what: str
    model: object
    train: Rows
    held_out: Rows


def plans() -> dict[str, Sequence[Plan]]:
    """Return what is fitted, by library."""
    return {"LightGBM": lightgbm_plans(), "XGBoost": xgboost_plans(), "CatBoost": catboost_plans()}


def boosters_by_edgefleet(*, every: int = 1) -> list[BoosterOutcome]:
    """Return what edgefleet makes of each booster, or of one in so many."""

    def convert(booster: _Booster) -> bytes:
        from edgefleet.converting import convert

        return convert(booster.model, booster.held_out, name="m", version="1.0.0").model()

    return _outcomes(convert, every=every)


@dataclass(frozen=True, slots=True)
class Compared:
    """Outcomes of the same boosters.

    Attributes:
        ours: By edgefleet.
        exported: By onnxmltools of LightGBM's and XGBoost's, by CatBoost's own exporter; empty if
            they could not be had.
        missing: Why not.
    """

    ours: Sequence[BoosterOutcome]
    exported: Sequence[BoosterOutcome]
    missing: str = ""

    def figures(self) -> list[Figure]:
        """Return how many are right, and how many wrong."""
        found = []
        for verdict in (Verdict.RIGHT, Verdict.WRONG):
            ours, theirs = (
                sum(it.outcome.verdict is verdict for it in those)
                for those in (self.ours, self.exported)
            )
            peer = f"the usual exporters: {theirs}" if self.exported else self.missing
            goal = 0 if verdict is Verdict.WRONG else None
            found.append(Figure(f"{verdict.value}, boosters", ours, "", goal, peer=peer))
        return found

    def markdown(self) -> str:
        """Return a row for each booster."""
        lines = ["| library | objective, option | usual exporter | edgefleet | reason |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for mine, other in zip(self.ours, self.exported, strict=True):
            verdicts = f"{other.outcome.verdict} | {mine.outcome.verdict}"
            theirs = f"exporter: {other.outcome.reason}" if other.outcome.reason else ""
            reason = mine.outcome.reason or theirs
            lines.append(f"| {mine.library} | {cell(mine.what)} | {verdicts} | {cell(reason)} |")
        return "\n".join(lines)


def compared_boosters(*, quick: bool) -> Compared:
    """Convert boosters both ways and judge them; ``quick`` takes some and installs nothing."""
    every = _ONE_IN_QUICK if quick else 1
    ours = boosters_by_edgefleet(every=every)
    try:
        return Compared(ours, _by_exporters(every=every, install=not quick))
    except UnavailableError as error:
        return Compared(ours, (), f"onnxmltools {error}")


def _by_exporters(*, every: int, install: bool) -> list[BoosterOutcome]:
    """Return what the usual exporters make of boosters.

    Raises:
        UnavailableError: onnxmltools cannot be had; the message says why.
    """
    python = python_of("onnxmltools", _TOOLS, install=install)
    with (
        tempfile.TemporaryDirectory() as folder,
        PeerProcess(python, "onnxmltools_boosters.py") as peer,
    ):
        peer.ask()
        found = _outcomes(lambda booster: _exported(booster, peer, Path(folder)), every=every)
        peer.ask()  # had it ended, all after that would look refused
        return found


def _exported(booster: _Booster, peer: PeerProcess, folder: Path) -> bytes:
    path = folder / "model.onnx"
    if isinstance(booster.model, CatBoost):
        booster.model.save_model(str(path), format="onnx")
        return path.read_bytes()
    source = folder / "model.pickle"
    source.write_bytes(pickle.dumps(booster.model))
    columns = booster.held_out.shape[1]
    answer = peer.ask(model=str(source), library=booster.library, columns=columns, onnx=str(path))
    if not answer["made"]:
        raise UsageError(path.read_text(encoding="utf-8"))
    return path.read_bytes()


def _outcomes(convert: Convert, *, every: int) -> list[BoosterOutcome]:
    found = []
    for booster in _boosters(every):
        speaker = speaker_of(booster.model)
        case = Case(booster.what, speaker, Data(booster.train, None, booster.held_out))
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            more = list(_between(booster.train))
            outcome = judged(case, partial(_converted, booster, convert), more=more)
        found.append(BoosterOutcome(booster.library, booster.what, outcome))
    return found


def _converted(booster: _Booster, convert: Convert, _case: Case) -> bytes:
    return convert(booster)


def _boosters(every: int) -> Iterator[_Booster]:
    together = [(library, plan) for library, found in plans().items() for plan in found]
    for library, plan in together[::every]:
        rows, labels = rows_of(plan.rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = plan.fit(rows[:TRAIN], Labels(labels.real[:TRAIN]))
        yield _Booster(library, plan.what, model, rows[:TRAIN], rows[TRAIN:])


def _between(train: Rows) -> Iterator[tuple[str, Rows]]:
    """Yield rows halfway between values that boosters saw, and one float32 step beside there.

    Thresholds of trees are found there, without a word from our own reading of them.
    """
    if train.dtype.kind != "f":
        return
    rng = np.random.default_rng(3)
    changed = []
    for column, values in enumerate(train.T):
        known = np.unique(values[np.isfinite(values)]).astype(np.float32)
        halfway = ((known[1:].astype(np.float64) + known[:-1]) / 2).astype(np.float32)
        for value in rng.permutation(np.concatenate([known, halfway]))[:_STEPS]:
            for beside in (-np.inf, value, np.inf):
                row = train[rng.integers(len(train))].copy()
                row[column] = np.nextafter(value, np.float32(beside))
                changed.append(row)
    yield "rows between and at values of rows", np.array(changed)
    tiny = np.array([0.0, -0.0, 1e-45, -1e-45, 1e-38, 1e-35, 1.1e-35, -1e-35, 3e38, -3e38])
    changed = []
    for column in range(train.shape[1]):
        for value in tiny.tolist():
            row = train[rng.integers(len(train))].copy()
            row[column] = value
            changed.append(row)
    yield "tiny and huge numbers", np.array(changed)
