import math
import random
from dataclasses import dataclass

import pytest

from cloud_sync.core.analysis import NOTE, Estimate
from cloud_sync.core.analysis import estimate as any_estimate
from cloud_sync.core.analysis.estimate import calibration_error
from cloud_sync.core.facts import PackageFacts
from edge_contract.package import (
    Calibration,
    Manifest,
    OutputRole,
    OutputSpec,
    Reference,
    Task,
    TensorSpec,
    prediction_columns,
)
from edge_contract.stats import BINS, ProbabilitiesSpec, Profile, ProfileSpec
from tests.support.behaviours import BAD, FRAGILE, package_of, window


def manifest_of(classes: int, threshold: float | None = None) -> Manifest:
    return Manifest(
        name="m",
        version="1.0.0",
        created="2026-02-03T04:05:06Z",
        task=Task.BINARY if classes == 2 else Task.MULTICLASS,
        inputs=(),
        outputs=(
            OutputSpec(TensorSpec("p", "float32", ("batch", classes)), OutputRole.PROBABILITIES),
        ),
        features=(),
        classes=tuple(range(classes)),
        threshold=threshold,
    )


def package(manifest: Manifest, calibration: Calibration | None = None) -> PackageFacts:
    profile = ProfileSpec(prediction_columns(manifest)).empty()
    return PackageFacts("sha256:0", manifest, Reference(0, profile, calibration or Calibration()))


def live(facts: PackageFacts, rows: list[tuple[int, float]]) -> Profile:
    profile = facts.specs["primary"].empty()
    for row in rows:
        profile.observe(0, row)
    return profile


def estimate(facts: PackageFacts, rows: Profile) -> Estimate | None:
    found = any_estimate(facts, rows)
    assert found is None or isinstance(found, Estimate)
    return found


@dataclass
class World:
    """A binary truth, and a model that is sure of itself by more than it should be."""

    rng: random.Random

    def row(self, shift: float) -> tuple[float, float]:
        """The true probability of the second class, and what the model says."""
        odds = self.rng.gauss(shift, 1.5)
        return 1 / (1 + math.exp(-odds)), 1 / (1 + math.exp(-1.8 * odds))


def predicted(second: float) -> tuple[int, float]:
    return (1, second) if second >= 0.5 else (0, 1 - second)


def calibrated_package(world: World, rows: int) -> PackageFacts:
    manifest = manifest_of(2)
    spec = ProbabilitiesSpec.for_classes(2)
    labelled = [[0] * BINS, [0] * BINS]
    correct = [[0] * BINS, [0] * BINS]
    for _ in range(rows):
        true, said = world.row(0.0)
        guess, probability = predicted(said)
        index = spec.bin_of(guess, probability)
        labelled[guess][index] += 1
        correct[guess][index] += guess == (world.rng.random() < true)
    return package(manifest, Calibration(tuple(map(tuple, labelled)), tuple(map(tuple, correct))))


def exact(rows: list[tuple[float, float]]) -> dict[str, float]:
    """The same metrics from the true probability of every row."""
    hits = [(true, said >= 0.5) for true, said in rows]
    tp = sum(true for true, second in hits if second)
    fp = sum(1 - true for true, second in hits if second)
    fn = sum(true for true, second in hits if not second)
    tn = sum(1 - true for true, second in hits if not second)
    area = below = 0.0
    for true, _ in sorted(rows, key=lambda row: row[1]):
        area += true * (below + (1 - true) / 2)
        below += 1 - true
    return {
        "accuracy": (tp + tn) / len(rows),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": 2 * tp / (2 * tp + fp + fn),
        "roc_auc": area / (below * sum(true for true, _ in rows)),
    }


@pytest.mark.parametrize("shift", [0.0, 0.4])
def test_the_histogram_estimates_what_the_exact_rule_on_rows_gives(shift: float) -> None:
    world = World(random.Random(4))
    facts = calibrated_package(world, rows=60_000)
    rows = [world.row(shift) for _ in range(20_000)]

    found = estimate(facts, live(facts, [predicted(said) for _, said in rows]))

    assert found is not None
    wanted = exact(rows)
    assert found.accuracy == pytest.approx(wanted["accuracy"], abs=0.002)
    assert found.precision == pytest.approx(wanted["precision"], abs=0.004)
    assert found.recall == pytest.approx(wanted["recall"], abs=0.004)
    assert found.f1 == pytest.approx(wanted["f1"], abs=0.003)
    assert found.roc_auc == pytest.approx(wanted["roc_auc"], abs=0.002)


def test_without_labels_the_model_is_believed_and_the_estimate_says_so() -> None:
    facts = package(manifest_of(3))

    found = estimate(facts, live(facts, [(0, 0.8), (1, 0.6), (2, 0.7)]))

    assert found is not None
    assert not found.calibrated
    assert found.accuracy == pytest.approx(0.7, abs=0.01)


def test_a_model_that_is_hardly_ever_right_is_found_out_with_few_labels() -> None:
    facts = package_of(BAD, "1.2.0", rows=300)
    rows = window(facts, BAD, random.Random(2), rows=200, dirty=False)

    found = estimate(facts, rows)

    assert found is not None
    assert found.accuracy == pytest.approx(0.1, abs=0.05)


def test_the_standard_error_covers_the_chance_of_calibrating() -> None:
    hits = 0
    for seed in range(40):
        facts = package_of(FRAGILE, "1.0.0", rows=300, seed=seed)
        found = estimate(facts, window(facts, FRAGILE, random.Random(seed), rows=400, dirty=False))
        assert found is not None
        hits += abs(found.accuracy - 0.95) <= 2 * found.standard_error

    assert hits >= 34


def test_estimates_of_one_package_share_its_calibration() -> None:
    facts = package_of(FRAGILE, "1.0.0", rows=300)
    rows = window(facts, FRAGILE, random.Random(1), rows=400, dirty=False)

    assert calibration_error(facts, [(1.0, rows)]) > 0.005
    assert calibration_error(facts, [(1.0, rows), (-1.0, rows)]) == 0.0


def test_a_threshold_moves_what_the_second_class_means() -> None:
    facts = package(manifest_of(2, threshold=0.3))

    found = estimate(facts, live(facts, [(1, 0.4), (0, 0.9)]))

    assert found is not None
    assert found.precision == pytest.approx(0.4, abs=0.01)
    assert found.recall == pytest.approx(0.8, abs=0.02)


def test_one_class_only_has_no_area_under_the_curve() -> None:
    facts = package(manifest_of(2))
    certain = [(1, 1.0)] * 5

    found = estimate(facts, live(facts, certain))

    assert found is not None
    assert found.precision > 0.99
    assert found.roc_auc is None or 0.0 <= found.roc_auc <= 1.0


def test_all_metrics_come_with_their_errors() -> None:
    world = World(random.Random(6))
    facts = calibrated_package(world, rows=5_000)

    found = estimate(facts, live(facts, [predicted(world.row(0.0)[1]) for _ in range(500)]))

    assert found is not None
    report = found.to_json()
    errors = report["standard_errors"]
    assert isinstance(errors, dict)
    assert set(errors) == {"accuracy", "precision", "recall", "f1", "roc_auc"}
    assert errors["accuracy"] == report["standard_error"]
    assert all(0.001 < error < 0.05 for error in errors.values())
    assert report["micro"] == dict.fromkeys(("precision", "recall", "f1"), found.accuracy)


def test_standard_errors_cover_what_the_truth_is() -> None:
    names = ("accuracy", "precision", "recall", "f1", "roc_auc")
    hits = dict.fromkeys(names, 0)
    whole = World(random.Random(99))
    wanted = exact([whole.row(0.3) for _ in range(60_000)])
    for seed in range(40):
        world = World(random.Random(seed))
        facts = calibrated_package(world, rows=1_500)
        rows = [predicted(world.row(0.3)[1]) for _ in range(800)]
        found = estimate(facts, live(facts, rows))
        assert found is not None
        for name in names:
            off = abs(getattr(found, name) - wanted[name])
            hits[name] += off <= 2 * found.standard_errors[name]

    assert all(count >= 33 for count in hits.values()), hits


def test_the_two_classes_are_estimated_alike() -> None:
    facts = package(manifest_of(2))

    found = estimate(facts, live(facts, [(0, 0.9), (0, 0.7), (1, 0.8)]))

    assert found is not None
    first, second = found.classes
    assert first.predicted == 2
    assert first.precision.value == pytest.approx(0.8, abs=0.01)
    assert first.expected + second.expected == pytest.approx(3)
    assert found.precision == second.precision.value
    assert found.macro["precision"].value == pytest.approx(0.8, abs=0.01)
    assert first.roc_auc is not None
    assert second.roc_auc is not None
    assert first.roc_auc.value == pytest.approx(second.roc_auc.value)


def test_a_wrong_prediction_is_of_the_class_that_the_reference_missed() -> None:
    rows, correct = (tuple((n,) * BINS for n in numbers) for numbers in ((9, 9, 9), (8, 8, 8)))
    missed = Calibration(rows, correct, rows, ((9,) * BINS, (0,) * BINS, (0,) * BINS))
    likely, unlikely = package(manifest_of(3), missed), package(manifest_of(3))
    wrong_of_others = [(1, 0.9)] * 50 + [(2, 0.9)] * 50

    seen, even = (estimate(facts, live(facts, wrong_of_others)) for facts in (likely, unlikely))

    assert seen is not None
    assert even is not None
    assert seen.classes[0].expected > 1.8 * even.classes[0].expected
    assert seen.roc_auc is None  # which needs the probabilities of all classes


def test_every_report_says_what_it_cannot_see() -> None:
    facts = package(manifest_of(2))

    found = estimate(facts, live(facts, [(1, 0.8)]))

    assert found is not None
    assert found.to_json()["note"] == NOTE
    assert "concept drift" in NOTE


def test_nothing_is_estimated_from_nothing() -> None:
    facts = package(manifest_of(2))

    assert estimate(facts, facts.specs["primary"].empty()) is None
    assert estimate(facts, live(facts, [(5, 0.5), (0, 9.0)])) is None
