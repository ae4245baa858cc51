"""Which rows are worth a person's time."""

import numpy as np

from edge_agent.adapters.outputs import Decoded
from edge_agent.samples.judge import SampleJudge
from tests.support.packages import binary, digits, mixed, regression


def decoded(classes: list[float], scores: list[float]) -> Decoded:
    return Decoded(None, None, None, np.array(classes, np.float32), np.array(scores, np.float32))


def test_about_a_fiftieth_of_the_references_own_rows_is_uncertain() -> None:
    example = binary()
    judge = SampleJudge(example.package.manifest, example.package.reference())
    reference = example.package.reference()
    prediction = reference.profile.find("prediction", "probabilities")

    sure = judge.uncertain(np.array([0.0, 1.0], np.float32), np.array([1.0, 1.0], np.float32))
    unsure = judge.uncertain(np.array([0.0, 1.0], np.float32), np.array([0.5, 0.5], np.float32))
    unknown = judge.uncertain(np.array([np.nan, 7.0], np.float32), np.array([0.1, 0.1], np.float32))

    assert prediction is not None
    assert not sure.any()
    assert unsure.any()
    assert not unknown.any()


def test_what_the_reference_never_held_has_drifted() -> None:
    example = digits()
    judge = SampleJudge(example.package.manifest, example.package.reference())
    rows = example.rows[:5].copy()
    rows[1, 20] = 400.0
    rows[2, 20] = np.nan
    rows[3, 20] = -np.inf

    found = judge.drifted(rows)

    assert found.tolist() == [False, True, True, True, False]


def test_rows_of_the_reference_itself_have_not_drifted() -> None:
    example = digits()
    judge = SampleJudge(example.package.manifest, example.package.reference())

    assert not judge.drifted(example.rows).any()


def test_a_category_that_nobody_knew_has_drifted() -> None:
    package = mixed().package
    judge = SampleJudge(package.manifest, package.reference())
    places = [f.is_category for f in package.manifest.features]
    observed = np.zeros((2, len(places)), np.float32)
    observed[:, [i for i, is_category in enumerate(places) if not is_category]] = np.nan
    observed[1, places.index(True)] = -12.0  # as hashes of unknown texts are written

    judge._may_miss[:] = True
    found = judge.drifted(observed)

    assert found.tolist() == [False, True]


def test_classes_disagree_when_they_differ_and_numbers_when_they_are_far_apart() -> None:
    of_digits = SampleJudge(digits().package.manifest, digits().package.reference())
    package = regression().package
    of_sums = SampleJudge(package.manifest, package.reference())
    spread = package.reference().profile.find("prediction", "moments")
    far = 2.0 * float(np.sqrt(getattr(spread, "variance")))  # noqa: B009

    classes = of_digits.disagree(decoded([3.0, 4.0], [0.9, 0.9]), decoded([3.0, 5.0], [0.1, 0.9]))
    numbers = of_sums.disagree(
        decoded([np.nan, np.nan], [1.0, 1.0]), decoded([np.nan, np.nan], [1.01, 1.0 + far])
    )

    assert classes.tolist() == [False, True]
    assert numbers.tolist() == [False, True]
