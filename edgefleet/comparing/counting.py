"""Counts files of rows into profiles, as devices count what they see."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from edge_contract.errors import UsageError
from edge_contract.package import Manifest, Role, layout_of
from edge_contract.stats import Profile, ProfileSpec
from edgefleet.comparing.survey import Plan, encoded
from edgefleet.comparing.tables import Table, tables_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Counted", "PlainRows", "RowSource", "count_file"]


@dataclass(slots=True)
class Counted:
    """What a file holds, counted.

    Attributes:
        rows: How many.
        profile: Of features and predictions.
        labels: Of truths; empty without labels.
        unknown_labels: Rows whose label the model does not know.
        columns: Names of all its columns.
    """

    profile: Profile
    labels: Profile
    rows: int = 0
    unknown_labels: int = 0
    columns: dict[str, None] = field(default_factory=dict)


class RowSource(Protocol):
    """Turns tables into the rows that statistics count."""

    manifest: Manifest
    texts: frozenset[str]

    def rows(self, table: Table, *, name: str, width: int) -> "NDArray[np.float32]":
        """Return ``float32[rows, width]`` as the primary role lays them out."""
        ...

    def label_rows(
        self, table: Table, rows: "NDArray[np.float32]"
    ) -> "tuple[NDArray[np.float32], int]":
        """Return the rows of the label role, and how many labels the model does not know."""
        ...


class PlainRows:
    """Rows of a file by themselves, without a model.

    Args:
        plan: How its columns are counted.
        manifest: With the plan's features.
    """

    def __init__(self, plan: Plan, manifest: Manifest) -> None:
        self.manifest = manifest
        self.texts = plan.texts
        self._plan = plan

    def rows(self, table: Table, *, name: str, width: int) -> "NDArray[np.float32]":
        """See :class:`RowSource`."""
        rows = np.full((table.rows, width), np.nan, np.float32)
        rows[:, : len(self._plan.features)] = encoded(self._plan, table, name=name)
        return rows

    def label_rows(
        self, table: Table, rows: "NDArray[np.float32]"
    ) -> "tuple[NDArray[np.float32], int]":
        """Return no rows: without a model no label means anything."""
        return rows[:0, :0], 0


def count_file(
    path: Path,
    source: RowSource,
    specs: dict[str, ProfileSpec],
    *,
    progress: Callable[[float], None] | None = None,
) -> Counted:
    """Return what a file holds, read block by block.

    Args:
        path: The file.
        source: Gives the rows.
        specs: What is counted, by role.
        progress: Is told how much of the file is read, 0 to 1.

    Raises:
        UsageError: The file cannot be read, does not fit, or has no rows.
    """
    from edge_agent.adapters.numpy_counting import BlockCounter

    spec, label_spec = specs[Role.PRIMARY], specs[Role.LABELS]
    layout = layout_of(Role.PRIMARY, source.manifest, spec)
    label_layout = layout_of(Role.LABELS, source.manifest, label_spec)
    counter, label_counter = BlockCounter(spec, layout), BlockCounter(label_spec, label_layout)
    counted = Counted(spec.empty(), label_spec.empty())
    for table in tables_of(path, texts=source.texts):
        rows = source.rows(table, name=path.name, width=layout.width)
        counted.profile = counted.profile.merged(counter.count(rows))
        labels, unknown = source.label_rows(table, rows)
        if len(labels):
            counted.labels = counted.labels.merged(label_counter.count(labels))
        counted.unknown_labels += unknown
        counted.rows += table.rows
        counted.columns |= dict.fromkeys(table.columns)
        if progress is not None:
            progress(table.fraction)
    if not counted.rows:
        raise UsageError(f"{path.name} has no rows")
    return counted
