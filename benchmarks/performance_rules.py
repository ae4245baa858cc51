"""Ways to tell a classifier's quality: ours from statistics, CBPE from rows, and the truth."""

import json
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import accuracy_score, precision_recall_fscore_support, roc_auc_score

from benchmarks.performance_worlds import Said
from cloud_sync.core.analysis import Estimate, estimate
from cloud_sync.core.facts import PackageFacts
from converters.calibration import learned
from edge_agent.adapters.numpy_counting import count_block
from edge_contract.errors import UnavailableError
from edge_contract.messages import BatchId, TelemetryBatch, WindowEntry, encode
from edge_contract.package import (
    Manifest,
    OutputRole,
    OutputSpec,
    Reference,
    Role,
    Task,
    TensorSpec,
    layout_of,
    prediction_columns,
)
from edge_contract.reading import JsonValue
from edge_contract.stats import Profile, ProfileSpec

__all__ = ["Estimator", "Metrics", "RowsRule", "realised"]

Numbers: TypeAlias = NDArray[np.float64]
Metrics: TypeAlias = Mapping[str, float]


class Estimator:
    """Ours: learned when the package is made, counted by the device's kernel, estimated beyond."""

    def __init__(self, reference: Said) -> None:
        said, true = reference
        classes = said.shape[1]
        self._manifest = Manifest(
            name="bench",
            version="1.0.0",
            created="2026-01-01T00:00:00Z",
            task=Task.BINARY if classes == 2 else Task.MULTICLASS,
            inputs=(),
            outputs=(
                OutputSpec(TensorSpec("p", "float32", ("n", classes)), OutputRole.PROBABILITIES),
            ),
            features=(),
            classes=tuple(range(classes)),
        )
        guesses = said.argmax(axis=1).astype(np.float32)
        found = learned(self._manifest, predicted=guesses, probabilities=said, truths=true)
        self._counts_classes = found.worths is not None
        self._spec = ProfileSpec(prediction_columns(self._manifest, worths=found.worths))
        self._facts = PackageFacts(
            "sha256:0",
            self._manifest,
            Reference(len(said), self._spec.empty(), found.calibration),
        )

    def metrics(self, said: NDArray[np.float32]) -> Metrics:
        found = estimate(self._facts, self._counted(said))
        if not isinstance(found, Estimate) or found.roc_auc is None:
            raise UnavailableError("there is nothing to estimate from")
        return {
            "accuracy": found.accuracy,
            "precision": found.precision,
            "recall": found.recall,
            "f1": found.f1,
            "roc_auc": found.roc_auc,
        }

    def bytes_of_classes(self, said: NDArray[np.float32]) -> int:
        """Return what the statistic of all probabilities adds to the message of a window."""
        state = self._counted(said).to_state()
        whole = {index: json.loads(json.dumps(part)) for index, part in state.items()}
        return _message_bytes(whole) - _message_bytes({0: whole[0]})

    def _counted(self, said: NDArray[np.float32]) -> Profile:
        guesses = said.argmax(axis=1)
        own = said[np.arange(len(said)), guesses]
        nothing = np.full(len(said), np.nan)
        rows = np.stack([guesses, own, nothing], axis=1).astype(np.float32)
        if self._counts_classes:
            rows = np.hstack((rows, said))
        layout = layout_of(Role.PRIMARY, self._manifest, self._spec)
        return count_block(self._spec, layout, rows)


class RowsRule:
    """CBPE on rows: each class calibrated against all others, scaled to add up to 1."""

    def __init__(self, reference: Said) -> None:
        said, true = reference[0].astype(np.float64), reference[1]
        self._curves = [
            IsotonicRegression(out_of_bounds="clip").fit(said[:, k], true == k)
            for k in range(said.shape[1])
        ]

    def metrics(self, rows: NDArray[np.float32]) -> Metrics:
        said = rows.astype(np.float64)
        calibrated = np.stack([c.predict(said[:, k]) for k, c in enumerate(self._curves)], axis=1)
        total = calibrated.sum(axis=1, keepdims=True)
        even = np.full_like(calibrated, 1 / said.shape[1])
        calibrated = np.divide(calibrated, total, out=even, where=total > 0)
        guesses = said.argmax(axis=1)
        classes = range(said.shape[1])
        confusion = np.stack([calibrated[guesses == k].sum(axis=0) for k in classes])
        hits, predicted, expected = np.diag(confusion), confusion.sum(1), confusion.sum(0)
        chosen = [1] if said.shape[1] == 2 else list(classes)
        return {
            "accuracy": float(hits.sum() / len(said)),
            "precision": float((hits / predicted)[chosen].mean()),
            "recall": float((hits / expected)[chosen].mean()),
            "f1": float((2 * hits / (predicted + expected))[chosen].mean()),
            "roc_auc": float(np.mean([_area(said[:, k], calibrated[:, k]) for k in chosen])),
        }


def _message_bytes(profile: Mapping[int, JsonValue]) -> int:
    entry = WindowEntry(f"sha256:{0:064x}", Role.PRIMARY, 0.0, 60.0, profile=profile)
    return len(encode(TelemetryBatch(BatchId("bench", 1, 1), (entry,))))


def _area(said: Numbers, calibrated: Numbers) -> float:
    """Return the expected area under the ROC curve; rows of equal probability are tied."""
    _, places = np.unique(said, return_inverse=True)
    positive = np.bincount(places, calibrated)
    negative = np.bincount(places, 1 - calibrated)
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (positive.sum() * negative.sum()))


def realised(said: NDArray[np.float32], true: NDArray[np.int64]) -> Metrics:
    guesses = said.argmax(axis=1)
    binary = said.shape[1] == 2
    average = "binary" if binary else "macro"
    precision, recall, f1, _ = precision_recall_fscore_support(
        true, guesses, average=average, zero_division=0.0
    )
    area = (
        roc_auc_score(true, said[:, 1]) if binary else roc_auc_score(true, said, multi_class="ovr")
    )
    return {
        "accuracy": float(accuracy_score(true, guesses)),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(f1),
        "roc_auc": float(area),
    }
