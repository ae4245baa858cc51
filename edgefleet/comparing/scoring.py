"""Scores the rows of a file with a model package, as a device would."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.adapters.inputs import InputEncoder, Rows
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.outputs import OutputDecoder
from edge_agent.adapters.values import RowError
from edge_agent.local_package import read_package
from edge_agent.prediction import PredictionId
from edge_agent.truths import truth_rows
from edge_contract.errors import UsageError
from edge_contract.package import Package, Task
from edgefleet.comparing.tables import Table

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ScoredRows"]


class ScoredRows:
    """Rows of files with what a model says about them; see :class:`RowSource`.

    Args:
        path: Of the package.
        label: Column with the truths; empty for none.

    Raises:
        UsageError: There is no package at ``path``, or its model predicts nothing to label.
        PackageError: It is damaged.
    """

    def __init__(self, path: Path, *, label: str) -> None:
        self.package: Package = read_package(path)
        self.manifest = self.package.manifest
        self._label = label
        if label and self.manifest.task is Task.OTHER:
            raise UsageError(
                f"{self.manifest.reference} predicts neither classes nor a number: leave out "
                "--label"
            )
        names = {feature.name for feature in self.manifest.features if feature.is_category}
        self._names = [feature.name for feature in self.manifest.features]
        has_text_classes = any(isinstance(name, str) for name in self.manifest.classes)
        self.texts = frozenset(names | ({label} if label and has_text_classes else set()))
        self._encoder = InputEncoder(self.manifest)
        self._decoder = OutputDecoder(self.manifest)
        self._session = OnnxRuntimeEngine(threads=2).load(self.package)

    def rows(self, table: Table, *, name: str, width: int) -> "NDArray[np.float32]":
        """See :class:`RowSource`."""
        try:
            encoded = self._encoder.encode(self._inputs(table))
        except RowError as error:
            # The message of an agent shows the value; a file may hold what nobody should see.
            raise UsageError(
                f"{name}, row {table.first_row + error.row}: a feature that is a number for "
                f"{self.manifest.reference} holds something else"
            ) from None
        except UsageError as error:
            raise UsageError(f"{name}: {error}") from error
        decoded = self._decoder.decode(self._session.run(encoded.feeds), encoded.rows)
        rows = np.full((encoded.rows, width), np.nan, np.float32)
        count = encoded.observed.shape[1]
        rows[:, :count] = encoded.observed
        rows[:, count] = decoded.classes
        rows[:, count + 1] = decoded.scores
        return rows

    def label_rows(
        self, table: Table, rows: "NDArray[np.float32]"
    ) -> "tuple[NDArray[np.float32], int]":
        """See :class:`RowSource`; rows without a label are skipped."""
        values = table.columns.get(self._label)
        if values is None:
            return rows[:0, :0], 0
        listed = values.tolist() if isinstance(values, np.ndarray) else list(values)
        known = [self._as_truth(value) for value in listed]
        chosen = np.array([truth is not None for truth in known], bool)
        present = np.array([value is not None and value == value for value in listed], bool)  # noqa: PLR0124
        count = len(self.manifest.features)
        scored = PredictionId("", 0, rows[chosen, count], rows[chosen, count + 1])
        if not chosen.any():
            return rows[:0, :0], int(present.sum())
        truths = [truth for truth in known if truth is not None]
        found = truth_rows(self.manifest, scored, truths)
        return found, int((present & ~chosen).sum())

    def _as_truth(self, value: object) -> "str | int | float | None":
        """Return a label that the model knows; ``None`` if it does not or if there is none."""
        if self.manifest.task is Task.REGRESSION:
            is_number = isinstance(value, (int, float)) and math.isfinite(value)
            return float(value) if is_number and isinstance(value, (int, float)) else None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, (str, int)) and value in self.manifest.classes:
            return value
        return None

    def _inputs(self, table: Table) -> Rows:
        columns = {name: values for name, values in table.columns.items() if name != self._label}
        places = [f"x{index}" for index in range(len(self._names))]
        if set(self._names) <= columns.keys() or set(places) != columns.keys():
            return columns
        return np.stack([np.asarray(columns[name]) for name in places], axis=1)
