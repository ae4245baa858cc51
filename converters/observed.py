"""The rows that a device would observe: features, embedding, class, score, no latency.

The layout is that of :mod:`edge_contract.package.observation`; whatever a device does with missing
texts, thresholds and unknown labels is done here too, so that reference and windows are alike.
"""

import numpy as np
from numpy.typing import NDArray

from converters.base import Tensors
from converters.differences import class_indices
from converters.embedding import embedded
from converters.table import MISSING_TEXT
from edge_contract.package import Feature, Manifest, OutputRole, Task
from edge_contract.stats.text_hash import category_code

__all__ = ["feature_column", "observed_rows", "predicted"]


def observed_rows(manifest: Manifest, feeds: Tensors, outputs: Tensors) -> NDArray[np.float32]:
    """Return the observed rows of a call.

    Args:
        manifest: Of the model.
        feeds: What went into it.
        outputs: What came out of it.

    Returns:
        ``float32[rows, features + components of the embedding + 3]``.
    """
    total = len(next(iter(feeds.values())))
    vectors = embedded(manifest, outputs, total)
    size = len(manifest.features)
    rows = np.full((total, size + vectors.shape[1] + 3), np.nan, dtype=np.float32)
    rows[:, size:-3] = vectors
    for index, feature in enumerate(manifest.features):
        column = feature_column(feature, feeds[manifest.inputs[feature.input_index].name])
        if not feature.is_category:
            with np.errstate(over="ignore"):
                rows[:, index] = column
            continue
        codes = _category_codes(feature, column.tolist())
        rows[:, index] = [codes[text] for text in column.tolist()]
    rows[:, -3], rows[:, -2] = predicted(manifest, outputs, total)
    return rows


def _category_codes(feature: Feature, texts: list[str]) -> dict[str, float]:
    """Return the code of every text of a column.

    A text that is no category is told apart from others by a number, not by a hash of itself: the
    package must not help anybody to guess it.
    """
    codes = {text: float(code) for code, text in enumerate(feature.categories)}
    codes[MISSING_TEXT] = np.nan
    others = (text for text in dict.fromkeys(texts) if text not in codes)
    return codes | {text: category_code(str(number), {}) for number, text in enumerate(others)}


def feature_column(feature: Feature, tensor: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a feature's values, one per row of its input's tensor."""
    return tensor.reshape(len(tensor), -1)[:, feature.column]


def predicted(
    manifest: Manifest, outputs: Tensors, total: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return class and score of every row: NaN where the task has none."""
    nothing = np.full(total, np.nan, dtype=np.float32)
    if manifest.task is Task.REGRESSION:
        value = manifest.output(OutputRole.VALUE)
        if value is None:
            return nothing, nothing
        return nothing, outputs[value.name].reshape(total).astype(np.float32)
    if manifest.task is Task.OTHER:
        return nothing, nothing
    label = manifest.output(OutputRole.LABEL)
    given = manifest.output(OutputRole.PROBABILITIES)
    probabilities = None if given is None else outputs[given.name].astype(np.float32)
    if probabilities is not None and manifest.threshold is not None:
        classes = (probabilities[:, 1] >= np.float32(manifest.threshold)).astype(np.int64)
    elif label is not None:
        places = {name: index for index, name in enumerate(manifest.classes)}
        classes = class_indices(outputs[label.name], places)
    elif probabilities is not None:
        classes = probabilities.argmax(axis=1).astype(np.int64)
    else:
        return nothing, nothing
    if probabilities is None:
        return classes.astype(np.float32), nothing
    return classes.astype(np.float32), probabilities[np.arange(total), np.maximum(classes, 0)]
