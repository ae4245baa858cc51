"""Reads a reference once to decide how each of its columns is counted, in bounded memory."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from edge_contract.errors import UsageError
from edge_contract.package import Feature, feature_subject
from edge_contract.stats import CategoriesSpec, Column, MomentsSpec, ProfileSpec
from edge_contract.stats.text_hash import category_code
from edgefleet.comparing.tables import (
    Table,
    Values,
    as_numbers,
    as_texts,
    kind_of,
    offset_of,
    tables_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Plan", "encoded", "surveyed"]

_SAMPLE_ROWS: Final = 100_000
_DISTINCT_TEXTS: Final = 100_000
_CATEGORIES: Final = 200
_CATEGORY_ROWS: Final = 3
_CATEGORY_LENGTH: Final = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How the columns of a reference are counted.

    Attributes:
        features: The columns that are compared, in the file's order.
        spec: Which statistics of them.
        left_out: Columns that are not compared, and why.
        texts: Columns that are texts even where they look like numbers.
        offsets: What is taken from the numbers of some columns, see :func:`offset_of`.
        variance_inflation: Tau of the reference's rows in the order of the file.
    """

    features: tuple[Feature, ...]
    spec: ProfileSpec
    left_out: Mapping[str, str] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    offsets: Mapping[str, float] = field(default_factory=dict)
    variance_inflation: float = 1.0


class _TurnedToTextError(Exception):
    """A column that began with numbers goes on with texts; it has to be read as texts at once."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def surveyed(path: Path, *, without: Collection[str] = ()) -> Plan:
    """Return how a reference is counted.

    Sketches are chosen on 100,000 rows drawn evenly from the file. A text is a category only if it
    stands in at least 3 rows: a rarer one may be a name or an address and is never shown.

    Args:
        path: Of the reference.
        without: Columns to leave out.

    Raises:
        UsageError: The file cannot be read, has no rows, or no column that can be compared.
    """
    texts: set[str] = set()
    while True:
        survey = _Survey(without, is_csv=path.suffix == ".csv")
        try:
            for table in tables_of(path, texts=texts):
                survey.add(table)
        except _TurnedToTextError as turned:
            texts.add(turned.column)
            continue
        return survey.plan(path, frozenset(texts))


def encoded(plan: Plan, table: Table, *, name: str, salt: str = "") -> "NDArray[np.float32]":
    """Return ``float32[rows, features]``: numbers as they are, texts as the codes of categories.

    A column that the table lacks is missing in all its rows.

    Raises:
        UsageError: A column that holds numbers in the reference holds something else here; the
            message names the first such row, not its value.
    """
    rows = np.full((table.rows, len(plan.features)), np.nan, np.float32)
    for index, feature in enumerate(plan.features):
        values = table.columns.get(feature.name)
        if values is None:
            continue
        if feature.is_category:
            places = {text: code for code, text in enumerate(feature.categories)}
            rows[:, index] = [
                np.nan if text is None else category_code(text, places, salt=salt)
                for text in as_texts(values)
            ]
        elif kind_of(values) in ("number", ""):
            rows[:, index] = as_numbers(values, offset=plan.offsets.get(feature.name, 0.0))
        else:
            last = table.first_row + table.rows - 1
            raise UsageError(
                f"column {feature.name!r} holds numbers in the reference and {kind_of(values)} in "
                f"{name}, within rows {table.first_row} to {last}: leave it out with --without"
            )
    return rows


class _Survey:
    """What is known of the columns so far."""

    def __init__(self, without: Collection[str], *, is_csv: bool) -> None:
        self._is_csv = is_csv
        self._left_out = dict.fromkeys(without, "asked for")
        self._kinds: dict[str, str] = {}
        self._texts: dict[str, Counter[str]] = {}
        self._offsets: dict[str, float] = {}
        self._sample = _Sample()
        self._rows = 0

    def add(self, table: Table) -> None:
        for name, values in table.columns.items():
            if name in self._left_out:
                continue
            kind, known = kind_of(values), self._kinds.get(name, "")
            if self._is_csv and known == "number" and kind == "text":
                raise _TurnedToTextError(name)
            if kind not in ("number", "text", "") or (kind and known and kind != known):
                self._kinds.pop(name, None)
                self._left_out[name] = f"it holds {kind if not known else f'{known} and {kind}'}"
                continue
            self._kinds[name] = kind or known
            if kind == "text":
                self._count_texts(name, as_texts(values))
        self._rows += table.rows
        numbers = {
            name: self._numbers(name, table.columns[name])
            for name, kind in self._kinds.items()
            if kind == "number" and name in table.columns
        }
        self._sample.add(numbers, rows=table.rows)

    def plan(self, path: Path, texts: frozenset[str]) -> Plan:
        from converters.dependence import variance_inflation
        from converters.mapping import sketch_for

        if not self._rows:
            raise UsageError(f"{path.name} has no rows")
        features: list[Feature] = []
        columns: list[Column] = []
        for name, kind in self._kinds.items():
            if not kind:
                self._left_out[name] = "it holds nothing"
                continue
            subject = feature_subject(name)
            if kind == "text":
                categories = _categories(self._texts[name])
                if not categories:
                    self._left_out[name] = f"none of its texts comes up {_CATEGORY_ROWS} times"
                    continue
                features.append(
                    Feature(name, 0, len(features), is_category=True, categories=categories)
                )
                columns.append(Column(subject, CategoriesSpec(len(categories))))
            else:
                features.append(Feature(name, 0, len(features)))
                columns.append(Column(subject, sketch_for(self._sample.column(name))))
                columns.append(Column(subject, MomentsSpec()))
        if not features:
            raise UsageError(f"{path.name} has no column of numbers or texts to compare")
        return Plan(
            features=tuple(features),
            spec=ProfileSpec(tuple(columns)),
            left_out=self._left_out,
            texts=texts,
            offsets={name: offset for name, offset in self._offsets.items() if offset},
            variance_inflation=variance_inflation(self._sample.head()),
        )

    def _numbers(self, name: str, values: Values) -> "NDArray[np.float32]":
        """Return numbers less what the first block of the column says is to be taken from them."""
        if name not in self._offsets:
            self._offsets[name] = offset_of(values)
        return as_numbers(values, offset=self._offsets[name])

    def _count_texts(self, name: str, texts: Sequence[str | None]) -> None:
        counts = self._texts.setdefault(name, Counter())
        counts.update(text for text in texts if text is not None)
        if len(counts) > _DISTINCT_TEXTS:  # names or numbers of things: none of them is frequent
            for text in [text for text, count in counts.items() if count == 1]:
                del counts[text]


class _Sample:
    """At most 100,000 rows of all numbers, evenly drawn, and the first ones in a row."""

    def __init__(self) -> None:
        self._stride = 1
        self._seen = 0
        self._kept: dict[str, list[NDArray[np.float32]]] = {}
        self._rows = 0
        self._head: dict[str, NDArray[np.float32]] = {}

    def add(self, numbers: "dict[str, NDArray[np.float32]]", *, rows: int) -> None:
        first = -self._seen % self._stride
        for name, values in numbers.items():
            self._kept.setdefault(name, self._nothing()).append(values[first :: self._stride])
        added = len(range(first, rows, self._stride))
        for name in self._kept.keys() - numbers.keys():
            self._kept[name].append(np.full(added, np.nan, np.float32))
        self._seen += rows
        self._rows += added
        while self._rows > _SAMPLE_ROWS:
            self._thin_out()

    def column(self, name: str) -> "NDArray[np.float32]":
        return np.concatenate(self._kept[name])

    def head(self) -> "NDArray[np.float32]":
        """Return the first rows, one after another, as ``float32[rows, columns]``."""
        columns = self._head or {name: self.column(name) for name in self._kept}
        if not columns:
            return np.empty((0, 0), np.float32)
        return np.stack(list(columns.values()), axis=1)

    def _nothing(self) -> "list[NDArray[np.float32]]":
        """Return the rows of a column that was never seen before."""
        return [np.full(self._rows, np.nan, np.float32)] if self._rows else []

    def _thin_out(self) -> None:
        columns = {name: self.column(name) for name in self._kept}
        self._head = self._head or columns
        self._kept = {name: [values[::2].copy()] for name, values in columns.items()}
        self._rows = (self._rows + 1) // 2
        self._stride *= 2


def _categories(counts: Counter[str]) -> tuple[str, ...]:
    """Return the texts that stand in enough rows, most frequent first."""
    known = [
        (-count, text)
        for text, count in counts.items()
        if count >= _CATEGORY_ROWS and len(text) <= _CATEGORY_LENGTH
    ]
    return tuple(text for _, text in sorted(known)[:_CATEGORIES])
