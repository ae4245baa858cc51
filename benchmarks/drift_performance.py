"""Performance without labels: how near estimates from histograms are to rules that see rows.

Two rules: CBPE on rows, written here with scikit-learn's isotonic regression, and NannyML, in an
environment of its own. Estimates are also compared with what was true, as no fleet ever could.
"""

import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Figure
from benchmarks.peers import PeerProcess, python_of
from benchmarks.performance_rules import Estimator, Metrics, RowsRule, realised
from benchmarks.performance_worlds import (
    CLASSIFIERS,
    REGRESSIONS,
    ClassifierWorld,
    RegressionWorld,
)
from cloud_sync.core.analysis import ErrorEstimate, estimate
from cloud_sync.core.facts import PackageFacts
from converters.error_model import error_model_of
from converters.mapping import sketch_for
from edge_agent.adapters.numpy_counting import count_block
from edge_contract.errors import UnavailableError
from edge_contract.package import (
    PREDICTION,
    Calibration,
    Feature,
    Manifest,
    OutputRole,
    OutputSpec,
    Reference,
    Role,
    Task,
    TensorSpec,
    feature_subject,
    layout_of,
)
from edge_contract.stats import Column, ProfileSpec

__all__ = ["figures"]

_Numbers: TypeAlias = NDArray[np.float64]

_NANNYML: Final = "nannyml 0.13.1"
_REQUIREMENTS: Final = ("nannyml==0.13.1", "statsmodels==0.14.6", "pandas<3")
_METRICS: Final = ("accuracy", "precision", "recall", "f1", "roc_auc")
_ERRORS: Final = ("mae", "rmse")
_TARGET: Final = 0.001
_WINDOW: Final = 600


class _Peer(NamedTuple):
    """NannyML, if it is there, and where rows are handed over."""

    process: PeerProcess | None
    why: str
    path: Path

    def ask(self, what: str, arrays: Mapping[str, NDArray[np.generic]]) -> Sequence[Metrics]:
        """Return the metrics of each live chunk; of no peer none."""
        if self.process is None:
            return ()
        with zipfile.ZipFile(self.path, "w") as file:
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w") as member:
                    np.lib.format.write_array(member, np.asarray(array))
        answer = self.process.ask(do=what, path=str(self.path))
        chunks = sum(name.startswith("live:") for name in arrays)
        names = {name.partition(":")[0] for name in answer}
        return [{name: answer[f"{name}:{n}"] for name in names} for n in range(chunks)]


def figures(*, quick: bool, seed: int) -> Sequence[Figure]:
    """Return how far estimates are from rules on rows, and from the truth."""
    rows, chunk = (3_000, 1_000) if quick else (50_000, 5_000)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        peer = _peer(stack, Path(folder) / "rows.npz", quick=quick)
        worlds = [
            _in_world(make(np.random.default_rng(seed), rows, chunk), peer)
            for make in (CLASSIFIERS[:2] if quick else CLASSIFIERS)
        ]
        found = [
            *_gaps(worlds, peer, has_target=not quick),
            *map(_truth, worlds),
            *(world.window for world in worlds if world.window.value),
        ]
        for make_regression in REGRESSIONS[:1] if quick else REGRESSIONS:
            regression = make_regression(np.random.default_rng(seed), min(rows, 20_000), chunk)
            found += _regression_figures(regression, peer)
    return found


def _peer(stack: ExitStack, path: Path, *, quick: bool) -> _Peer:
    if quick:
        return _Peer(None, f"{_NANNYML} is left out of quick runs: it takes long to start", path)
    try:
        python = python_of("nannyml", _REQUIREMENTS, install=True)
    except UnavailableError as error:
        return _Peer(None, f"{_NANNYML} {error}", path)
    process = stack.enter_context(PeerProcess(python, "nannyml_performance.py"))
    return _Peer(process, "", path)


# Classifiers.


class _InWorld(NamedTuple):
    """Metrics of every chunk of a world: ours, of the rule on rows, NannyML's, and what is true."""

    name: str
    ours: Sequence[Metrics]
    by_rows: Sequence[Metrics]
    theirs: Sequence[Metrics]
    realised: Sequence[Metrics]
    window: Figure


def _in_world(world: ClassifierWorld, peer: _Peer) -> _InWorld:
    ours, by_rows = Estimator(world.reference), RowsRule(world.reference)
    said, true = world.reference
    # As float64, like the rule on rows: of float32, scikit-learn's isotonic regression takes all
    # that lies within 1e-6 for equal, and sure models have much there.
    wide = {f"live:{n}": chunk.astype(np.float64) for n, (chunk, _) in enumerate(world.live)}
    wide["said"] = said.astype(np.float64)
    return _InWorld(
        world.name,
        [ours.metrics(said) for said, _ in world.live],
        [by_rows.metrics(said) for said, _ in world.live],
        peer.ask("cbpe", {"true": true, **wide}),
        [realised(said, true) for said, true in world.live],
        Figure(
            f"CBPE, {world.name}: counting all probabilities adds to a window of {_WINDOW} rows",
            ours.bytes_of_classes(world.live[0][0][:_WINDOW]),
            "bytes",
        ),
    )


def _gaps(worlds: Sequence[_InWorld], peer: _Peer, *, has_target: bool) -> Sequence[Figure]:
    """Return the largest differences over all chunks of all worlds."""
    target = _TARGET if has_target else None
    chunks = sum(len(world.ours) for world in worlds)
    found: list[Figure] = []
    for metric in _METRICS:
        gap, worst = max((_largest(w.ours, w.by_rows, metric), w.name) for w in worlds)
        name = f"CBPE, {chunks} chunks of {len(worlds)} worlds: {metric} off the rule on rows"
        found.append(Figure(f"{name}, at most", gap, "", target, peer=f"most in {worst}"))
    for metric in _METRICS:
        name = f"CBPE, {chunks} chunks of {len(worlds)} worlds: {metric} off {_NANNYML}, at most"
        if peer.process is None:
            found.append(Figure(name, None, "", target, peer=peer.why))
            continue
        gap, worst = max((_largest(w.ours, w.theirs, metric), w.name) for w in worlds)
        found.append(Figure(name, gap, "", target, peer=f"most in {worst}"))
    return found


def _truth(world: _InWorld) -> Figure:
    """Return how far estimates are from what was true, beside those from rows."""
    rivals = [("the rule on rows", world.by_rows), (_NANNYML, world.theirs)]
    who = "; ".join(
        f"{name}: {_mean_off(metrics, world.realised):.4f}" for name, metrics in rivals if metrics
    )
    name = f"CBPE, {world.name}: off the truth, mean of all metrics"
    return Figure(name, _mean_off(world.ours, world.realised), "", peer=who)


# Regressions.


def _regression_figures(world: RegressionWorld, peer: _Peer) -> Sequence[Figure]:
    manifest, spec, reference = _regression_package(world)
    facts = PackageFacts("sha256:0", manifest, reference)
    layout = layout_of(Role.PRIMARY, manifest, spec)
    estimated: list[Metrics] = []
    true_errors: list[Metrics] = []
    arrays: dict[str, NDArray[np.generic]] = {}
    for n, (x, said, true) in enumerate(world.live):
        found = estimate(facts, count_block(spec, layout, _observed(x, said)))
        if not isinstance(found, ErrorEstimate):
            raise UnavailableError("there is nothing to estimate from")
        estimated.append({"mae": found.mae, "rmse": found.rmse})
        errors = said - true
        true_errors.append(
            {"mae": float(np.abs(errors).mean()), "rmse": float(np.sqrt((errors**2).mean()))}
        )
        arrays |= {f"live:{n}": said, f"live_inputs:{n}": x}
    x, said, true = world.reference
    theirs = peer.ask("dle", {"inputs": x, "said": said, "true": true, **arrays})
    held_out = np.abs(said - true)
    never = {"mae": float(held_out.mean()), "rmse": float(np.sqrt((held_out**2).mean()))}
    found_figures: list[Figure] = []
    for metric in _ERRORS:
        rival = _relative(theirs, true_errors, metric) if theirs else None
        still = _relative([never] * len(true_errors), true_errors, metric)
        who = peer.why if rival is None else f"{_NANNYML} DLE: {rival:.3f}"
        found_figures.append(
            Figure(
                f"errors, {world.name}: {metric} off the truth, mean",
                _relative(estimated, true_errors, metric),
                "of it",
                peer=f"{who}; as held out: {still:.3f}",
            )
        )
    return found_figures


def _regression_package(world: RegressionWorld) -> tuple[Manifest, ProfileSpec, Reference]:
    x, said, true = world.reference
    names = [f"x{k}" for k in range(x.shape[1])]
    manifest = Manifest(
        name="bench",
        version="1.0.0",
        created="2026-01-01T00:00:00Z",
        task=Task.REGRESSION,
        inputs=(TensorSpec("X", "float32", ("n", len(names))),),
        outputs=(OutputSpec(TensorSpec("y", "float32", ("n",)), OutputRole.VALUE),),
        features=tuple(Feature(name, 0, k) for k, name in enumerate(names)),
    )
    rows = _observed(x, said)
    columns = [Column(feature_subject(n), sketch_for(rows[:, k])) for k, n in enumerate(names)]
    columns.append(Column(PREDICTION, sketch_for(rows[:, -2])))
    spec = ProfileSpec(tuple(columns))
    errors = error_model_of(manifest, spec, rows, true)
    return manifest, spec, Reference(len(rows), spec.empty(), Calibration(errors=errors))


def _observed(x: _Numbers, said: _Numbers) -> NDArray[np.float32]:
    nothing = np.full((len(x), 1), np.nan)
    return np.hstack((x, nothing, said[:, None], nothing)).astype(np.float32)


# Both.


def _largest(ours: Sequence[Metrics], theirs: Sequence[Metrics], metric: str) -> float:
    return max(abs(a[metric] - b[metric]) for a, b in zip(ours, theirs, strict=True))


def _mean_off(ours: Sequence[Metrics], theirs: Sequence[Metrics]) -> float:
    gaps = [abs(a[m] - b[m]) for a, b in zip(ours, theirs, strict=True) for m in _METRICS]
    return float(np.mean(gaps))


def _relative(ours: Sequence[Metrics], true: Sequence[Metrics], metric: str) -> float:
    return float(np.mean([abs(a[metric] / b[metric] - 1) for a, b in zip(ours, true, strict=True)]))
