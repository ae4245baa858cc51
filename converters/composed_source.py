"""A model between two ONNX graphs: what is done to rows before it, and to its answers after it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

import numpy as np

from converters.base import Converted, Request, Rows, Source, Tensors, register, source_for
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ComposedModel"]

_PRE: Final = "preprocessing"
_POST: Final = "postprocessing"
_MOST_ROWS: Final = 20_000

Graph: TypeAlias = bytes | str | PurePath
_Middle: TypeAlias = Callable[[Rows], Rows]


@dataclass(frozen=True, slots=True)
class ComposedModel:
    """What becomes one graph in the package.

    Attributes:
        model: What the source of its framework accepts; it was trained on what ``pre`` gives.
        pre: ONNX model that makes the model's inputs of the rows; ``None`` for none.
        post: ONNX model that makes answers of the model's outputs; ``None`` for none.
    """

    model: object
    pre: Graph | None = None
    post: Graph | None = None


@register
class ComposedSource:
    """Models that come with an ONNX graph before them, after them, or both."""

    name: ClassVar[str] = "a model between ONNX graphs"

    def accepts(self, model: object) -> bool:
        """Whether ``model`` is a :class:`ComposedModel`."""
        return isinstance(model, ComposedModel)

    def conversions(self, request: Request) -> Iterator[Converted]:
        """Convert the model on the rows that reach it, and join the graphs.

        The parity check compares the whole with the source model itself between the two graphs.
        """
        asked = request.model
        if not isinstance(asked, ComposedModel):
            raise UsageError(f"expected a ComposedModel, got {type(asked).__name__}")
        before = None if asked.pre is None else _read(asked.pre, request.rows, _PRE)
        middle = _middle_of(before, asked.model)
        inner = replace(request, model=asked.model, rows=middle(request.rows))
        source: Source = source_for(asked.model)
        for converted in source.conversions(inner):
            joined = _joined(converted, before, asked.post)
            source_says = converted.predict or _run(converted.model, converted.feeds, "the model")
            yield _answering(
                joined,
                asked.post,
                classes=request.classes or converted.classes,
                labels=request.labels,
                chain=partial(_chained, middle, source_says),
            )


def _chained(middle: _Middle, says: Callable[[Rows], Tensors], rows: Rows) -> Tensors:
    return says(middle(rows))


def _read(graph: Graph, rows: Rows, name: str) -> Converted:
    """Return what is known of the graph before the model."""
    from converters.onnx_read import read_onnx

    try:
        return read_onnx(Request(graph, rows))
    except UsageError as error:
        raise UsageError(f"{name}: {error}") from error


def _run(model: bytes, feeds: Callable[[Rows], Tensors], what: str) -> Callable[[Rows], Tensors]:
    from converters.runtime import OnnxModel

    loaded = OnnxModel(model, what=what)
    return lambda rows: loaded.run(feeds(rows))


def _middle_of(before: Converted | None, model: object) -> _Middle:
    """Return what makes the model's rows of the caller's."""
    if before is None:
        return lambda rows: rows
    run = _run(before.model, before.feeds, f"the {_PRE} model")
    names: NDArray[np.generic] | None = getattr(model, "feature_names_in_", None)

    def middle(rows: Rows) -> Rows:
        said = run(rows)
        if names is not None:
            return _named(said, [str(name) for name in names])
        return next(iter(said.values())) if len(said) == 1 else dict(said)

    return middle


def _named(said: Tensors, names: "list[str]") -> Rows:
    """Return a table with the columns that a model of scikit-learn was fitted on."""
    import pandas as pd

    if len(said) == 1:
        (values,) = said.values()
        if values.ndim == 2 and values.shape[1] == len(names):
            return pd.DataFrame(values, columns=names)
    if said.keys() >= set(names):
        return pd.DataFrame({name: said[name].reshape(len(said[name]), -1)[:, 0] for name in names})
    found = ", ".join(f"{name!r} {list(values.shape)}" for name, values in said.items())
    raise UsageError(
        f"the {_PRE} model gives {found}, but the model was fitted on the columns "
        f"{', '.join(names[:8])}: let it give these, or one output with a column for each"
    )


def _joined(converted: Converted, before: Converted | None, post: Graph | None) -> Converted:
    """Return the conversion with the graphs in one, fed as the first of them is."""
    from converters.composing import Stage, composed

    stages = [Stage("model", converted.model)]
    if before is not None:
        stages.insert(0, Stage(_PRE, before.model))
    if post is not None:
        stages.append(Stage(_POST, _bytes_of(post)))
    whole = replace(converted, model=composed(stages))
    if before is None:
        return whole
    return replace(
        whole,
        rows=before.rows,
        inputs=before.inputs,
        features=before.features,
        feeds=before.feeds,
    )


def _answering(
    joined: Converted,
    post: Graph | None,
    *,
    classes: tuple[str | int, ...],
    labels: object,
    chain: Callable[[Rows], Tensors],
) -> Converted:
    """Return the conversion with what the whole answers, and what it is compared with."""
    if post is None:
        return replace(joined, predict=chain)
    from converters.meaning import meaning_of
    from converters.rows import row_count, take
    from converters.runtime import OnnxModel

    what = f"the model with its {_POST}"
    model = OnnxModel(joined.model, what=what)
    after = OnnxModel(_bytes_of(post), what=f"the {_POST} model")
    taken = [spec.name for spec in after.inputs]
    some = np.arange(min(row_count(joined.rows), _MOST_ROWS))
    said = model.run(joined.feeds(take(joined.rows, some)))
    meaning = meaning_of(
        joined.model, model.outputs, said, classes=classes, labels=labels, what=what
    )

    def predict(rows: Rows) -> Tensors:
        given = chain(rows)
        feeds = given if len(taken) > 1 or taken[0] in given else _renamed(given, taken[0])
        answers = after.run({name: np.asarray(feeds[name]) for name in taken})
        return meaning.completed({**_left(given, feeds, taken), **answers})

    return replace(
        joined,
        model=meaning.model,
        outputs=meaning.roles.outputs,
        task=meaning.roles.task,
        classes=meaning.roles.classes,
        threshold=None,
        predict=predict,
    )


def _renamed(given: Tensors, name: str) -> Tensors:
    (values,) = given.values()
    return {name: values}


def _left(given: Tensors, feeds: Tensors, taken: list[str]) -> Mapping[str, "NDArray[np.generic]"]:
    """Return the model's answers that nobody took."""
    return {name: values for name, values in given.items() if feeds is given and name not in taken}


def _bytes_of(graph: Graph) -> bytes:
    if isinstance(graph, bytes):
        return graph
    path = Path(graph)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {str(path)!r}: {error.strerror}") from error
