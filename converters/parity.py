"""The parity gate: a conversion that does not repeat its source model is refused.

The converted model is run as a device runs it, on the caller's rows and on made-up ones, and must
say what the source model says. The difference of a number is measured relative to the larger of
the expected value and a tenth of the output's usual size (1 for probabilities).
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from converters.base import Converted, Rows, Tensors
from converters.differences import (
    RELATIVE_TOLERANCE,
    Difference,
    class_indices,
    difference_of_labels,
    difference_of_numbers,
    undecided,
)
from converters.jumps import jump_probes
from converters.probes import Probe, far_rows, probes_of
from converters.refusal import advice_for, refusal_of
from converters.rows import row_count, take
from converters.runtime import OnnxModel
from converters.source_rounding import ROWS_OF_X, rounded_away
from converters.thresholds import SourceConverted, threshold_probes
from converters.undecided import as_found_beside, said_of_finer_rows
from edge_contract.errors import PackageError, UsageError
from edge_contract.package import OutputRole, OutputSpec
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["RELATIVE_TOLERANCE", "check_parity", "largest_difference"]

_MAX_ROWS: Final = 20_000
_BATCHES: Final = (1, 2, 7)
_BATCH_TOLERANCE: Final = 1e-3
"""How much large networks round depends on how many rows are computed at once; golden vectors leave
as much."""


def check_parity(
    converted: Converted, model: OnnxModel, *, accept_difference: float = 0.0
) -> JsonObject:
    """Compare a converted model with its source on at most 20,000 rows, evenly spread.

    Args:
        converted: The conversion.
        model: Its ONNX model, loaded.
        accept_difference: Largest relative difference, and largest fraction of rows with another
            label, that is accepted knowingly. What is below 0.0001 is accepted for numbers anyway.

    Returns:
        The evidence: rows compared and the largest difference of every output.

    Raises:
        PackageError: The conversion is not faithful; the message shows the worst row.
        UsageError: The source model does not accept the caller's rows.
    """
    gate = _Gate(converted, model, accept_difference)
    last = row_count(converted.rows) - 1
    chosen = np.unique(np.linspace(0, last, _MAX_ROWS).astype(np.int64))
    sample = take(converted.rows, chosen)
    said = _said_by_source(converted, sample)  # first: its complaints about rows are clearer
    feeds = converted.feeds(sample)
    found = model.run(feeds)
    expected = found if said is None else said
    where = [f"row {row} of X" for row in chosen.tolist()]
    finer = partial(said_of_finer_rows, converted, sample)
    advice = advice_for(converted, sample)
    gate.compare(expected, found, where, finer=finer, kind=ROWS_OF_X, advice=advice)
    _compare_batches(gate, sample, found, chosen[: max(_BATCHES)].tolist())
    probes = () if converted.predict is None else _probes(converted)
    made_up = {probe.kind: gate.compare_probe(probe) for probe in probes}
    return {
        "rows": len(chosen),
        "batches": list(_BATCHES),
        "made_up_rows": made_up,
        "accept_difference": accept_difference,
        "source_rounds": {**gate.source_rounds},
        "undecided_rows": gate.undecided,
        "outputs": gate.report(),
    }


def largest_difference(parity: JsonObject) -> float:
    """Return the largest relative difference of a number in the evidence of a check."""
    outputs = parity.get("outputs")
    found = outputs.values() if isinstance(outputs, dict) else ()
    sizes = [it.get("largest_difference") for it in found if isinstance(it, dict)]
    return max((float(it) for it in sizes if isinstance(it, int | float)), default=0.0)


def _compare_batches(gate: "_Gate", sample: Rows, found: Tensors, places: Sequence[int]) -> None:
    """Compare what is said of some rows one, two and seven at a time with what is said of all.

    A few sources say something else of a row in another batch; they are asked where it differs.
    """
    few = take(sample, np.arange(len(places)))
    feeds = gate.converted.feeds(few)
    alone = {name: values[: len(places)] for name, values in found.items()}
    for size in _BATCHES:
        where = [f"row {row} of X, {size} at a time" for row in places]
        said = gate.model.run(feeds, block_rows=size)
        try:
            gate.compare(alone, said, where, tolerance=_BATCH_TOLERANCE)
        except PackageError:
            asked = _said_in_batches(gate.converted, few, size)
            if asked is None:
                raise
            gate.compare(asked, said, where, tolerance=_BATCH_TOLERANCE)


def _said_in_batches(converted: Converted, rows: Rows, size: int) -> "Tensors | None":
    """Return what the source says of rows, some at a time; ``None`` if it cannot be asked."""
    if converted.predict is None:
        return None
    every = np.arange(row_count(rows))
    parts = np.split(every, range(size, len(every), size))
    try:
        said = [converted.predict(take(rows, part)) for part in parts]
    except ValueError:
        return None
    return {name: np.concatenate([part[name] for part in said]) for name in said[0]}


def _said_by_source(converted: Converted, rows: Rows) -> "Tensors | None":
    if converted.predict is None:
        return None
    try:
        return converted.predict(rows)
    except ValueError as error:
        raise UsageError(f"the model does not accept the rows of X: {error}") from error


def _probes(converted: Converted) -> Iterator[Probe]:
    known = converted if isinstance(converted, SourceConverted) else None
    yield from probes_of(converted.rows, empty_is_missing=known is not None and known.fills_texts)
    if known is not None:
        yield from far_rows(known.rows, is_exact=not known.looks_up_numbers)
    yield from threshold_probes(converted)
    yield from jump_probes(converted)


class _Gate:
    """Compares outputs, raises at the first one that is off, and remembers the largest."""

    def __init__(self, converted: Converted, model: OnnxModel, accept_difference: float) -> None:
        self.converted = converted
        self.model = model
        self._accepted = accept_difference
        self._seen: dict[str, list[tuple[Difference, str]]] = defaultdict(list)
        self._usual: dict[str, float] = {}
        self.source_rounds: dict[str, JsonValue] = {}
        self.undecided: dict[str, int] = {}

    def compare(
        self,
        expected: Tensors,
        found: Tensors,
        where: Sequence[str],
        *,
        finer: "Callable[[], Tensors | None]" = lambda: None,
        kind: str = ROWS_OF_X,
        advice: str = "the model cannot be converted as it is",
        tolerance: float = RELATIVE_TOLERANCE,
    ) -> None:
        """Compare all outputs of some rows; raises ``PackageError`` if one is too far off.

        Args:
            expected: What the source says.
            found: What the converted model says.
            where: How to call each row.
            finer: What the source says where it need not round as much, if it can; asked for only
                if they differ. Between the two the source itself is undecided.
            kind: What the rows are, for the evidence of what the source rounds.
            advice: What to do if they differ.
            tolerance: Largest relative difference of a number.
        """
        differences = self._differences(expected, found)
        refused = self._too_far_off(differences, tolerance)
        exact = finer() if refused else None
        if exact is not None:
            closer = self._differences(exact, found)
            if not self._too_far_off(closer, tolerance):
                self.source_rounds[kind] = rounded_away(refused, where)
                differences, refused = closer, []
        if refused:
            raise refusal_of(refused, where, advice=advice)
        for output, difference in differences:
            self._seen[output.tensor.name].append((difference, where[difference.worst]))

    def _differences(
        self, expected: Tensors, found: Tensors
    ) -> list[tuple[OutputSpec, Difference]]:
        outputs = self.converted.outputs
        return [(output, self._difference(output, expected, found)) for output in outputs]

    def _too_far_off(
        self, differences: Sequence[tuple[OutputSpec, Difference]], tolerance: float
    ) -> list[tuple[OutputSpec, Difference]]:
        return [
            (output, difference)
            for output, difference in differences
            if difference.size
            > max(self._accepted, 0.0 if output.role is OutputRole.LABEL else tolerance)
        ]

    def compare_probe(self, probe: Probe) -> int:
        """Compare made-up rows; returns how many of them the source model accepts."""
        predict = self.converted.predict
        if predict is None:
            return 0
        everything = np.arange(row_count(probe.rows))
        try:
            expected, accepted = predict(probe.rows), everything
        except ValueError:  # it refuses some of them: ask one by one
            accepted = everything[[_accepts(predict, probe, row) for row in everything.tolist()]]
            if not len(accepted):
                return 0
            expected = predict(take(probe.rows, accepted))
        asked = take(probe.rows, accepted)
        found = self.model.run(self.converted.feeds(asked))
        beside = [take(rows, accepted) for rows in probe.beside]
        expected, doubtful = as_found_beside(
            self.converted, expected, found, rows=asked, beside=beside
        )
        if doubtful:
            self.undecided[probe.kind] = doubtful
        where = [f"a made-up row ({probe.kind}: {probe.changed[row]})" for row in accepted.tolist()]
        advice = advice_for(self.converted, probe.rows, kind=probe.kind)
        finer = partial(said_of_finer_rows, self.converted, asked)
        self.compare(expected, found, where, finer=finer, kind=probe.kind, advice=advice)
        return len(accepted)

    def report(self) -> JsonObject:
        """Return the largest difference of every output, and how many rows it was looked for in."""
        return {name: _summary(seen) for name, seen in self._seen.items()}

    def _difference(self, output: OutputSpec, expected: Tensors, found: Tensors) -> Difference:
        name = output.tensor.name
        ours, theirs = found[name], expected[name]
        if ours.size != theirs.size or len(ours) != len(theirs):
            raise PackageError(
                f"the conversion is not faithful: output {name!r} has shape {list(ours.shape)}, "
                f"the source model gives {list(theirs.shape)}: this estimator cannot be converted"
            )
        if output.role is OutputRole.LABEL or ours.dtype.kind in "OU":
            return difference_of_labels(
                theirs.reshape(ours.shape), ours, self._ties(output, expected, found)
            )
        numbers = theirs.reshape(ours.shape).astype(np.float64)
        finite = np.abs(numbers[np.isfinite(numbers)])
        here = float(finite.mean()) if finite.size else 0.0
        # the caller's rows come first: what is next to nothing beside them may be 0
        usual = max(here, self._usual.setdefault(name, here))
        return difference_of_numbers(
            numbers,
            ours.astype(np.float64),
            usual=1.0 if output.role is OutputRole.PROBABILITIES or not usual else usual,
            tolerance=RELATIVE_TOLERANCE,
        )

    def _ties(self, output: OutputSpec, expected: Tensors, found: Tensors) -> NDArray[np.bool_]:
        """Return the rows in which the source model's own probabilities allow both labels."""
        name = output.tensor.name
        roles = {item.role: item.tensor.name for item in self.converted.outputs}
        probabilities = roles.get(OutputRole.PROBABILITIES)
        if output.role is not OutputRole.LABEL or probabilities is None:
            return np.zeros(len(found[name]), dtype=bool)
        places = {label: index for index, label in enumerate(self.converted.classes)}
        return undecided(
            expected[probabilities].astype(np.float64),
            class_indices(expected[name], places),
            class_indices(found[name], places),
            threshold=self.converted.threshold,
        )


def _accepts(predict: Callable[[Rows], Tensors], probe: Probe, row: int) -> bool:
    try:
        predict(take(probe.rows, np.array([row])))
    except ValueError:
        return False
    return True


def _summary(seen: Sequence[tuple[Difference, str]]) -> JsonObject:
    worst, where = max(seen, key=lambda item: item[0].size)
    return {
        "compared_rows": sum(difference.rows for difference, _ in seen),
        "unequal_rows": sum(difference.unequal for difference, _ in seen),
        "largest_difference": worst.size,
        "largest_absolute_difference": max(difference.absolute for difference, _ in seen),
        "worst": where if worst.size else "",
    }
