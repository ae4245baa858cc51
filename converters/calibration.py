"""Builds a package's calibration: what the model's predictions were worth on labelled rows."""

import math

import numpy as np
from numpy.typing import NDArray

from edge_contract.package import Calibration, Manifest, OutputRole, prediction_columns
from edge_contract.stats import BINS, ProbabilitiesSpec

__all__ = ["calibration_of"]


def calibration_of(
    manifest: Manifest, rows: NDArray[np.float32], truths: NDArray[np.int64] | None
) -> Calibration:
    """Return how often predictions of each class and probability were right."""
    specs = [column.spec for column in prediction_columns(manifest)]
    if truths is None or manifest.output(OutputRole.PROBABILITIES) is None:
        return Calibration()
    if not specs or not isinstance(specs[0], ProbabilitiesSpec):
        return Calibration()
    classes = len(specs[0].lows)
    total = [[0] * BINS for _ in range(classes)]
    correct = [[0] * BINS for _ in range(classes)]
    for predicted, score, truth in zip(
        rows[:, -3].tolist(), rows[:, -2].tolist(), truths.tolist(), strict=True
    ):
        if not 0 <= predicted < classes or math.isnan(score):
            continue
        place = specs[0].bin_of(int(predicted), score)
        total[int(predicted)][place] += 1
        correct[int(predicted)][place] += int(predicted) == truth
    return Calibration(tuple(tuple(bins) for bins in total), tuple(tuple(bins) for bins in correct))
