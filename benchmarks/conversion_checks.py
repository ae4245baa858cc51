"""Judges an ONNX model by its source on unseen and on hostile rows, apart from our own gate.

A number is right within a relative 0.0001 of the larger of the expected one and a tenth of the
output's usual size. A label is right if it is the source's, or if the source gives both labels
the same probability.
"""

import warnings
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from benchmarks.conversion_cases import Case
from converters.silent_onnxruntime import onnxruntime

__all__ = ["Hostile", "fault_of", "session_of"]

Array = NDArray[np.generic]

Hostile: TypeAlias = tuple[str, Array]
"""Rows on which models may depart from their source, and what they are."""

_TOLERANCE: Final = 1e-4
_TIE: Final = 1e-5
_MAX_THRESHOLDS: Final = 60
_SCORES: Final = ("predict_proba", "decision_function", "score_samples", "transform")
_TENSORS: Final = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(string)": object,
}


def session_of(model: bytes) -> onnxruntime.InferenceSession:
    """Load a model as a device does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def fault_of(
    case: Case, session: onnxruntime.InferenceSession, *, more: Sequence[Hostile] = ()
) -> str:
    """Return how an ONNX model departs from its source; empty if it does not."""
    for what, rows in (*_hostile_rows(case), *more):
        expected = _said_by_source(case.model, rows)
        if expected is None:
            continue
        found = _said_by_onnx(session, rows)
        for size in (len(rows), 1, 2, 7) if what == "unseen rows" else (len(rows),):
            alone = _said_by_onnx(session, rows[:size]) if size < len(rows) else found
            together = [_with_first(few, all_) for few, all_ in zip(alone, found, strict=True)]
            fault = _difference(expected, together)
            if fault and size < len(rows):  # a few sources answer otherwise in another batch
                few = _said_by_source(case.model, rows[:size])
                fault = fault if few is None else _difference(few, alone)
            if fault and rows.dtype == np.float32:  # the source's own rounding is no fault
                exact = _said_by_source(case.model, rows.astype(np.float64))
                fault = fault if exact is None else _difference(exact, together)
            if fault:
                return f"{fault}; {what}" + (f", {size} at a time" if size < len(rows) else "")
    return ""


def _with_first(few: Array, whole: Array) -> Array:
    """Return an output of all rows whose first rows were computed by themselves."""
    if few.ndim and few.shape[1:] == whole.shape[1:]:
        return np.concatenate([few, whole[len(few) :]])
    is_alike = few.ndim == whole.ndim and few.shape[:1] == whole.shape[:1]
    return whole if is_alike else few  # rows are on another axis, or are too few


def _hostile_rows(case: Case) -> Iterator[Hostile]:
    rows = case.data.held_out
    if not isinstance(rows, np.ndarray):
        yield "unseen rows", np.asarray(rows, dtype=object)
        return
    yield "unseen rows", rows
    if not case.data.is_numbers or rows.ndim != 2:
        return
    # of its own type: turned to float32 and back, a value would no longer equal a threshold
    yield "rows it was fitted on", np.asarray(case.data.train)
    yield "far rows", (rows * 4 - rows.mean(axis=0)).astype(rows.dtype)
    width = rows.shape[1]
    missing = rows[: 3 * width].copy()
    missing[np.arange(len(missing)), np.arange(len(missing)) % width] = np.nan
    yield "missing numbers", missing
    endless = rows[: 2 * width].copy()
    signs = np.where(np.arange(len(endless)) < width, np.inf, -np.inf)
    endless[np.arange(len(endless)), np.arange(len(endless)) % width] = signs
    yield "infinite numbers", endless
    found = list(dict.fromkeys([*_markers(case.model, width), *_thresholds(case.model)]))
    picked = found[:: max(len(found) // _MAX_THRESHOLDS, 1)]
    if picked:
        yield "rows at thresholds", _at_thresholds(rows, picked)


def _markers(model: object, width: int) -> Iterator[tuple[int, float]]:
    """Yield every column with the number that means a missing value, if there is one."""
    marker = getattr(model, "missing_values", np.nan)
    if isinstance(marker, float) and np.isfinite(marker):
        yield from ((column, marker) for column in range(width))


def _thresholds(model: object, depth: int = 0) -> Iterator[tuple[int, float]]:
    """Yield feature and threshold of the trees of a model that gets the rows as they are."""
    tree = getattr(model, "tree_", None)
    if tree is not None and hasattr(tree, "threshold"):
        for feature, threshold in zip(tree.feature, tree.threshold, strict=True):
            if feature >= 0:
                yield int(feature), float(threshold)
    for group in getattr(model, "_predictors", ()):
        for predictor in group:
            for node in predictor.nodes:
                if not node["is_leaf"]:
                    yield int(node["feature_idx"]), float(node["num_threshold"])
    if depth < 3 and not hasattr(model, "steps"):
        inner = getattr(model, "estimators_", None)
        for member in inner.ravel().tolist() if isinstance(inner, np.ndarray) else inner or ():
            yield from _thresholds(member, depth + 1)


def _at_thresholds(rows: Array, picked: Sequence[tuple[int, float]]) -> Array:
    """Return rows with a value at a threshold, and one float32 step below and above."""
    changed = []
    for index, (feature, threshold) in enumerate(picked):
        here = np.float32(threshold)
        step = float(np.spacing(np.abs(here)))
        for offset in (-step, 0.0, step):
            row = rows[index % len(rows)].copy()
            if feature < len(row):
                row[feature] = (threshold if row.dtype == np.float64 else float(here)) + offset
            changed.append(row)
    return np.array(changed)


def _said_by_source(model: object, rows: Array) -> list[dict[str, Array]] | None:
    """Return what each output may be, by method; ``None`` if the source refuses the rows."""
    first = "predict" if hasattr(model, "predict") else "transform"
    others = [name for name in _SCORES if name != first and hasattr(model, name)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            said = {name: _dense(getattr(model, name)(rows)) for name in (first, *others)}
        except ValueError:
            return None
    return [{first: said.pop(first)}, said]


def _dense(said: object) -> Array:
    array: Array = np.asarray(said.toarray() if hasattr(said, "toarray") else said)
    return array


def _said_by_onnx(session: onnxruntime.InferenceSession, rows: Array) -> list[Array]:
    (given,) = session.get_inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        feed = rows.astype(_TENSORS[given.type])
    if feed.ndim == 1 and len(given.shape) == 2:
        feed = feed.reshape(-1, 1)
    outputs = session.run(None, {given.name: feed})
    return [_without_zipmap(output) for output in outputs]


def _without_zipmap(output: object) -> Array:
    if isinstance(output, list) and output and isinstance(output[0], dict):
        return np.array([list(row.values()) for row in output])
    array: Array = np.asarray(output)
    return array


def _difference(expected: Sequence[dict[str, Array]], found: Sequence[Array]) -> str:
    """Return the first difference; scores may be what any of the source's methods says."""
    ties = _ties(expected)
    for position, (methods, output) in enumerate(zip(expected, found, strict=False)):
        faults = [_apart(method, said, output, ties) for method, said in methods.items()]
        if faults and all(faults):
            return f"output {position}: {faults[0]}"
    return ""


def _ties(expected: Sequence[dict[str, Array]]) -> NDArray[np.bool_] | None:
    probabilities = expected[1].get("predict_proba") if len(expected) > 1 else None
    if probabilities is None or probabilities.ndim != 2 or probabilities.shape[1] < 2:
        return None
    ordered = np.sort(probabilities.astype(np.float64), axis=1)
    tied: NDArray[np.bool_] = ordered[:, -1] - ordered[:, -2] < _TIE
    return tied


def _apart(method: str, said: Array, output: Array, ties: NDArray[np.bool_] | None) -> str:
    if said.ndim == 1 and output.ndim == 2 and output.shape[1] == 2:
        output = output[:, 1]  # a score for each of two classes says the same twice
    if said.size != output.size:
        return f"{method} has shape {list(said.shape)}, found {list(output.shape)}"
    output = output.reshape(said.shape)
    if said.dtype.kind in "OUSiub" and method == "predict":
        other = said.astype(str) != output.astype(said.dtype).astype(str)
        if ties is not None and ties.shape == other.shape:
            other &= ~ties
        return f"{np.mean(other):.1%} of labels differ" if other.any() else ""
    wanted, got = said.astype(np.float64), output.astype(np.float64)
    finite = np.abs(wanted[np.isfinite(wanted) & (wanted != 0)])  # many tables are mostly zeros
    usual = float(finite.mean()) if finite.size else 1.0
    with np.errstate(all="ignore"):
        off = np.abs(wanted - got) / np.maximum(np.abs(wanted), 0.1 * usual or 1.0)
    same = (wanted == got) | (np.isnan(wanted) & np.isnan(got))
    off = np.where(same, 0.0, np.nan_to_num(off, nan=np.inf))
    worst = float(off.max(initial=0.0))
    return f"{method} is off by {worst:.1e}" if worst > _TOLERANCE else ""
