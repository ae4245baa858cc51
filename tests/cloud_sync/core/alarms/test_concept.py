import random
from dataclasses import replace

import pytest

from cloud_sync.core.alarms import AlarmBudget, Finding
from cloud_sync.core.alarms.base import Detector
from cloud_sync.core.alarms.concept import ConceptDetector, concept_detector
from cloud_sync.core.facts import PackageFacts
from edge_contract.errors import UsageError
from edge_contract.package import OutputRole, OutputSpec, Role, Task, TensorSpec, label_columns
from edge_contract.stats import CENTRED, Profile, ProfileSpec, SketchSpec
from tests.support.behaviours import CLASSES, FRAGILE, package_of

PLAIN = package_of(FRAGILE, "1.0.0", rows=50)
BUDGET = AlarmBudget(per_month=1.0)
MINUTE_S = 60.0


def labelled(spec: ProfileSpec, rng: random.Random, *, rows: int, error: float) -> Profile:
    profile = spec.empty()
    for _ in range(rows):
        truth = rng.randrange(CLASSES)
        is_wrong = rng.random() < error
        profile.observe(0, (float((truth + is_wrong) % CLASSES), float(truth), 0.9))
    return profile


def classifier(*, truths: int = 5000) -> PackageFacts:
    spec = ProfileSpec(label_columns(PLAIN.manifest))
    labels = labelled(spec, random.Random(1), rows=truths, error=0.05)
    reference = replace(PLAIN.reference, labels=labels)
    return PackageFacts(PLAIN.digest, PLAIN.manifest, reference)


def regression() -> PackageFacts:
    manifest = replace(
        PLAIN.manifest,
        task=Task.REGRESSION,
        classes=(),
        outputs=(OutputSpec(TensorSpec("y", "float32", ("batch", 1)), OutputRole.VALUE),),
    )
    spec = ProfileSpec(label_columns(manifest, errors=SketchSpec(CENTRED, 0.0, 1.0)))
    errors = erring(spec, random.Random(1), rows=5000, bias=0.0)
    return PackageFacts(PLAIN.digest, manifest, replace(PLAIN.reference, labels=errors))


def erring(spec: ProfileSpec, rng: random.Random, *, rows: int, bias: float) -> Profile:
    profile = spec.empty()
    for _ in range(rows):
        error = (rng.gauss(bias, 1.0),)
        for column in range(len(spec.columns)):
            profile.observe(column, error)
    return profile


def feed(
    detector: Detector, portions: list[Profile], *, from_s: float = 0.0
) -> list[tuple[int, Finding]]:
    return [
        (number, finding)
        for number, portion in enumerate(portions, 1)
        for finding in detector.observe(portion, from_s + number * MINUTE_S)
    ]


def test_as_many_errors_as_on_held_out_rows_raise_nothing() -> None:
    package, rng = classifier(), random.Random(2)
    spec = package.specs[Role.LABELS]
    detector = ConceptDetector(package, BUDGET)

    assert feed(detector, [labelled(spec, rng, rows=50, error=0.05) for _ in range(200)]) == []
    assert detector.evidence()["labels"] < 0.1


def test_more_errors_are_found_though_inputs_look_as_ever() -> None:
    package, rng = classifier(), random.Random(3)
    spec = package.specs[Role.LABELS]
    detector = ConceptDetector(package, BUDGET)
    feed(detector, [labelled(spec, rng, rows=50, error=0.05) for _ in range(40)])

    now = [labelled(spec, rng, rows=50, error=0.15) for _ in range(40)]
    ((number, finding),) = feed(detector, now, from_s=2400.0)

    assert number <= 20
    assert (finding.kind, finding.subject, finding.test) == ("concept", "labels", "error rate")
    assert finding.text.startswith("is wrong in ")


def test_errors_of_a_regression_that_become_biased_are_found() -> None:
    package, rng = regression(), random.Random(4)
    spec = package.specs[Role.LABELS]
    detector = ConceptDetector(package, BUDGET)
    still = feed(detector, [erring(spec, rng, rows=50, bias=0.0) for _ in range(40)])

    found = feed(detector, [erring(spec, rng, rows=50, bias=0.5) for _ in range(20)], from_s=2400.0)

    assert still == []
    assert found[0][0] <= 10
    assert (found[0][1].kind, found[0][1].subject) == ("concept", "error")


def test_without_the_authors_truths_there_is_nothing_to_compare_errors_with() -> None:
    assert concept_detector(PLAIN, BUDGET) is None
    assert concept_detector(classifier(), BUDGET) is not None


def test_counts_of_another_role_are_refused() -> None:
    package = classifier()

    with pytest.raises(UsageError, match=r"not of gate@1\.0\.0 in the labels role"):
        ConceptDetector(package, BUDGET).observe(package.specs[Role.PRIMARY].empty(), 1.0)


def test_held_out_truths_of_a_few_rows_are_no_reason_for_nonsense() -> None:
    package, rng = classifier(truths=50), random.Random(5)
    spec = package.specs[Role.LABELS]
    detector = ConceptDetector(package, BUDGET)

    assert feed(detector, [labelled(spec, rng, rows=50, error=0.05) for _ in range(100)]) == []
