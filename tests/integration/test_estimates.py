"""From a trained model to what the cloud says of it: estimates, and what labels say later."""

import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

from cloud_sync.core.analysis import (
    ErrorEstimate,
    ErrorQuality,
    Estimate,
    Quality,
    estimate,
    measured,
)
from cloud_sync.core.facts import PackageFacts
from converters.base import ConversionWarning
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.recorder import Recorder
from edge_agent.prediction import Answer, Prediction, parse_id
from edge_agent.servable import Servable
from edge_agent.truths import truth_rows
from edge_contract.package import ErrorModel, Package, Role
from edge_contract.stats import ClassProbabilitiesSpec, Profile
from edgefleet.converting import convert

Rows = NDArray[np.float32]
Truths = NDArray[np.generic]


def converted(model: object, rows: Rows, truths: Truths) -> Package:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)
        return convert(model, rows, truths, name="m", version="1.0.0")


@dataclass
class Device:
    """What an agent does with a package: predicts, counts, and takes truths."""

    package: Package
    folder: Path

    def windows(self, rows: Rows, truths: Truths) -> dict[str, Profile]:
        """The merged statistics of all windows, by role."""
        recorder = Recorder(self.folder, {})
        facts = facts_of(self.package)
        found = {role: spec.empty() for role, spec in facts.specs.items()}
        recorder.knows(self.package.digest, self.package.manifest, self.package.reference())
        servable = Servable(
            self.package,
            self.package.digest,
            session=OnnxRuntimeEngine().load(self.package),
            recorder=recorder,
            salt="",
        )
        labels = recorder.stream(self.package.digest, Role.LABELS)
        for first in range(0, len(rows), 500):
            served = servable.serve(rows[first : first + 500], wake=lambda: None)
            prediction = Prediction(Answer(served.decoded), servable.origin)
            came_true = truth_rows(
                self.package.manifest, parse_id(prediction.id), truths[first : first + 500]
            )
            parts = list(came_true.T)
            labels.put(parts, len(came_true), time.time(), wake=lambda: None)
            entries, marks = recorder.collect(time.time())
            recorder.release(marks)
            for entry in entries:
                window = facts.specs[entry.role].decode(entry.profile)
                found[entry.role] = found[entry.role].merged(window)
        recorder.close()
        return found


def facts_of(package: Package) -> PackageFacts:
    return PackageFacts(package.digest, package.manifest, package.reference())


def three_classes(rows: int, shift: float, seed: int, *, scale: float = 1.0) -> tuple[Rows, Truths]:
    """Rows of four numbers, and a class drawn for each; in the middle that is hard to tell."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    x = (x * np.float32(scale)).astype(np.float32)
    x[:, 0] += shift
    scores = np.stack([x[:, 0], x[:, 1] - 0.5 * x[:, 0], x[:, 2]], axis=1)
    return x, (1.5 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)


@pytest.fixture(scope="module")
def timid() -> Package:
    model = LogisticRegression(C=0.003)  # which makes it less sure than it should be
    model.fit(*three_classes(3000, 0.0, 1))
    return converted(model, *three_classes(6000, 0.0, 2))


def test_a_package_of_three_classes_says_what_its_probabilities_are_worth(
    timid: Package,
) -> None:
    reference = timid.reference()

    worths = reference.profile.find("prediction", "class_probabilities")

    assert worths is not None
    assert isinstance(worths.spec, ClassProbabilitiesSpec)
    assert worths.count == 6000
    assert len(worths.spec.worths) == 3
    assert sum(map(sum, reference.calibration.rows)) == 6000
    assert sum(map(sum, reference.calibration.rival_rows)) == 12_000
    # What is right and what is missed add up to all rows.
    worth = sum(map(sum, (*reference.calibration.correct, *reference.calibration.rival_true)))
    assert worth == pytest.approx(6000, abs=1.0)


def test_all_metrics_of_three_classes_are_estimated_without_a_label(
    timid: Package, tmp_path: Path
) -> None:
    rows, truths = three_classes(6000, 0.0, 3, scale=0.5)

    windows = Device(timid, tmp_path).windows(rows, truths)
    found = estimate(facts_of(timid), windows[Role.PRIMARY])
    labelled = measured(facts_of(timid), windows[Role.LABELS])

    assert isinstance(found, Estimate)
    assert isinstance(labelled, Quality)
    assert found.rows == labelled.rows == 6000
    held_out = timid.manifest.evidence.quality["accuracy"]
    assert isinstance(held_out, float)
    assert labelled.accuracy < held_out - 0.1  # so the estimate had to move
    for name in ("accuracy", "precision", "recall", "f1"):
        off = getattr(found, name) - getattr(labelled, name)
        both = np.hypot(found.standard_errors[name], labelled.standard_errors[name])
        assert abs(off) < 4 * both, name
        assert both < 0.02


def test_in_the_shadow_the_same_is_counted(timid: Package, tmp_path: Path) -> None:
    rows, _ = three_classes(1000, 0.0, 8)
    recorder = Recorder(tmp_path, {})
    recorder.knows(timid.digest, timid.manifest, timid.reference())
    servable = Servable(
        timid,
        timid.digest,
        session=OnnxRuntimeEngine().load(timid),
        recorder=recorder,
        salt="",
    )

    assert servable.begin_shadow()
    servable.run_shadow(servable.serve(rows, wake=lambda: None))
    entries, _ = recorder.collect(time.time())
    recorder.close()

    facts = facts_of(timid)
    profiles = {entry.role: facts.specs[entry.role].decode(entry.profile) for entry in entries}
    served, shadowed = (estimate(facts, profiles[role]) for role in (Role.PRIMARY, Role.SHADOW))
    assert isinstance(served, Estimate)
    assert served.roc_auc is not None
    assert served == shadowed


def test_measured_quality_is_what_scikit_learn_says(timid: Package, tmp_path: Path) -> None:
    rows, truths = three_classes(2000, 0.5, 4)
    session = OnnxRuntimeEngine().load(timid)
    label, probabilities = session.run({"X": rows})[:2]

    windows = Device(timid, tmp_path).windows(rows, truths)
    labelled = measured(facts_of(timid), windows[Role.LABELS])
    found = estimate(facts_of(timid), windows[Role.PRIMARY])

    assert isinstance(labelled, Quality)
    assert isinstance(found, Estimate)
    precision, recall, f1, _ = precision_recall_fscore_support(truths, label, average="macro")
    assert (labelled.precision, labelled.recall, labelled.f1) == pytest.approx(
        (precision, recall, f1)
    )
    area = roc_auc_score(truths, probabilities, multi_class="ovr")
    assert found.roc_auc == pytest.approx(area, abs=0.02)


def test_two_classes_are_estimated_where_the_threshold_is(tmp_path: Path) -> None:
    def world(rows: int, shift: float, seed: int) -> tuple[Rows, Truths]:
        x, classes = three_classes(rows, shift, seed)
        return x, (classes == 0).astype(np.int64)

    model = LogisticRegression().fit(*world(3000, 0.0, 5))
    package = converted(model, *world(6000, 0.0, 6))
    rows, truths = world(4000, 0.7, 7)

    windows = Device(package, tmp_path).windows(rows, truths)
    found = estimate(facts_of(package), windows[Role.PRIMARY])
    labelled = measured(facts_of(package), windows[Role.LABELS])

    assert isinstance(found, Estimate)
    assert isinstance(labelled, Quality)
    for name in ("accuracy", "precision", "recall", "f1"):
        both = np.hypot(found.standard_errors[name], labelled.standard_errors[name])
        assert abs(getattr(found, name) - getattr(labelled, name)) < 4 * both, name
    area = roc_auc_score(truths, model.predict_proba(rows)[:, 1])
    assert found.roc_auc == pytest.approx(area, abs=0.03)


def heat(rows: int, shift: float, seed: int) -> tuple[Rows, Truths]:
    """Rows of three numbers, and a value that is less certain where the first one is far out."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 3)).astype(np.float32)
    x[:, 0] += shift
    noise = (0.3 + np.abs(x[:, 0])) * rng.normal(size=rows)
    return x, (2 * x[:, 0] - x[:, 1] + noise).astype(np.float64)


@pytest.fixture(scope="module")
def line() -> Package:
    model = LinearRegression().fit(*heat(3000, 0.0, 11))
    return converted(model, *heat(6000, 0.0, 12))


def test_a_package_of_a_regression_says_where_its_errors_are_large(line: Package) -> None:
    errors = line.reference().calibration.errors

    assert isinstance(errors, ErrorModel)
    assert errors.rows == 6000
    assert errors.terms[0].subject == "feature:x0"
    assert 0.1 < errors.explained < 0.5
    assert errors.absolute == pytest.approx(line.manifest.evidence.quality["mae"], rel=1e-6)


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.0])
def test_errors_of_a_regression_are_estimated_without_a_label(
    line: Package, tmp_path: Path, shift: float
) -> None:
    windows = Device(line, tmp_path).windows(*heat(6000, shift, 13))

    found = estimate(facts_of(line), windows[Role.PRIMARY])
    labelled = measured(facts_of(line), windows[Role.LABELS])

    assert isinstance(found, ErrorEstimate)
    assert isinstance(labelled, ErrorQuality)
    assert found.rows == labelled.rows == 6000
    for name in ("mae", "rmse"):
        assert getattr(found, name) == pytest.approx(getattr(labelled, name), rel=0.08), name
    held_out = line.manifest.evidence.quality["mae"]
    assert isinstance(held_out, float)
    assert found.mae > held_out * (1 + 0.25 * shift) * 0.97


def test_measured_errors_are_those_of_the_rows(line: Package, tmp_path: Path) -> None:
    rows, truths = heat(6000, 1.0, 13)
    values = OnnxRuntimeEngine().load(line).run({"X": rows})[0].ravel()
    errors = values.astype(np.float64) - truths.astype(np.float64)

    windows = Device(line, tmp_path).windows(rows, truths)
    labelled = measured(facts_of(line), windows[Role.LABELS])

    assert isinstance(labelled, ErrorQuality)
    assert labelled.bias == pytest.approx(errors.mean(), abs=1e-4)
    assert labelled.rmse == pytest.approx(np.sqrt((errors**2).mean()), rel=1e-4)
    assert labelled.mae == pytest.approx(np.abs(errors).mean(), rel=0.01)
    assert labelled.absolute_quantiles[0.95] == pytest.approx(
        np.quantile(np.abs(errors), 0.95), rel=0.05
    )
