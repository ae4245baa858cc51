"""What labelled rows say of a classifier, for devices and for the cloud."""

import numpy as np
import pytest
from numpy.typing import NDArray

from converters.calibration import learned
from edge_contract.package import Manifest, OutputRole, OutputSpec, Task, TensorSpec
from edge_contract.stats import SHARES, WORTH_BINS
from edge_contract.stats.class_probabilities import worth_bin

Numbers = NDArray[np.float64]


def classifier(classes: int) -> Manifest:
    return Manifest(
        name="m",
        version="1.0.0",
        created="2026-02-03T04:05:06Z",
        task=Task.BINARY if classes == 2 else Task.MULTICLASS,
        inputs=(),
        outputs=(OutputSpec(TensorSpec("p", "float32", ("n", classes)), OutputRole.PROBABILITIES),),
        features=(),
        classes=tuple(range(classes)),
    )


def world(classes: int, rows: int, *, seed: int = 0) -> tuple[NDArray[np.float32], Numbers]:
    """What a model says that is surer than it should be, and what is true instead."""
    scores = np.random.default_rng(seed).normal(size=(rows, classes))
    true = np.exp(scores)
    said = np.exp(2.0 * scores)
    true /= true.sum(axis=1, keepdims=True)
    return (said / said.sum(axis=1, keepdims=True)).astype(np.float32), true


def drawn(true: Numbers, *, seed: int = 1) -> NDArray[np.int64]:
    chance = np.random.default_rng(seed).random((len(true), 1))
    classes: NDArray[np.int64] = (true.cumsum(axis=1) < chance).sum(axis=1)
    return classes


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_what_is_right_agrees_with_the_labels(classes: int) -> None:
    said, true = world(classes, 20_000)
    truths, guesses = drawn(true), said.argmax(axis=1)

    found = learned(
        classifier(classes), predicted=guesses.astype(np.float32), probabilities=said, truths=truths
    ).calibration

    for k in range(classes):
        assert sum(found.rows[k]) == (guesses == k).sum()
        assert sum(found.correct[k]) == pytest.approx(
            ((guesses == k) & (truths == k)).sum(), rel=0.03
        )


def test_tables_for_devices_give_back_what_is_true() -> None:
    said, true = world(3, 40_000)
    live, wanted = world(3, 5_000, seed=9)

    worths = learned(
        classifier(3),
        predicted=said.argmax(axis=1).astype(np.float32),
        probabilities=said,
        truths=drawn(true),
    ).worths

    assert worths is not None
    shares = np.array([worths.shares([worth_bin(p) for p in row]) for row in live.tolist()])
    # One curve per class cannot undo it row by row, but it does on average.
    assert np.abs(shares / SHARES - wanted).mean() < 0.03
    assert (shares / SHARES).mean(axis=0) == pytest.approx(wanted.mean(axis=0), abs=0.01)


def test_wrong_predictions_are_shared_out_among_their_rivals() -> None:
    said, true = world(4, 20_000)
    truths, guesses = drawn(true), said.argmax(axis=1)

    found = learned(
        classifier(4), predicted=guesses.astype(np.float32), probabilities=said, truths=truths
    ).calibration

    for k in range(4):
        assert sum(found.rival_rows[k]) == (guesses != k).sum()
        assert sum(found.rival_true[k]) == pytest.approx(
            ((guesses != k) & (truths == k)).sum(), rel=0.05
        )


def test_truths_that_the_model_does_not_know_make_its_predictions_wrong() -> None:
    said, true = world(3, 4_000)
    truths = drawn(true)
    truths[::2] = -1

    found = learned(
        classifier(3),
        predicted=said.argmax(axis=1).astype(np.float32),
        probabilities=said,
        truths=truths,
    ).calibration

    right = sum(map(sum, found.correct))
    assert right == pytest.approx((said.argmax(axis=1) == truths).sum(), rel=0.05)


def test_predictions_that_are_no_class_say_nothing() -> None:
    said, true = world(2, 100)
    guesses = said.argmax(axis=1).astype(np.float32)
    guesses[:10] = -1.0
    said[10:20] = np.nan

    found = learned(
        classifier(2), predicted=guesses, probabilities=said, truths=drawn(true)
    ).calibration

    assert sum(map(sum, found.rows)) == 80


def test_without_labels_devices_believe_the_model() -> None:
    said, _ = world(3, 10)

    found = learned(
        classifier(3),
        predicted=said.argmax(axis=1).astype(np.float32),
        probabilities=said,
        truths=None,
    )

    assert not found.calibration
    assert found.worths is not None
    table = found.worths.worths[0]
    assert table[0] == 0
    assert table[WORTH_BINS // 2] / SHARES == pytest.approx(0.5, abs=0.02)
    assert table[-1] == SHARES


def test_more_classes_than_devices_count_have_no_tables() -> None:
    said, true = world(40, 2_000)

    found = learned(
        classifier(40),
        predicted=said.argmax(axis=1).astype(np.float32),
        probabilities=said,
        truths=drawn(true),
    )

    assert found.worths is None
    assert sum(map(sum, found.calibration.rows)) == 2_000
    assert sum(map(sum, found.calibration.rival_rows)) == 39 * 2_000


def test_a_class_that_is_never_true_is_worth_nothing() -> None:
    said, true = world(3, 5_000)
    truths = drawn(true)
    truths[truths == 2] = 0

    worths = learned(
        classifier(3),
        predicted=said.argmax(axis=1).astype(np.float32),
        probabilities=said,
        truths=truths,
    ).worths

    assert worths is not None
    assert max(worths.worths[2]) < 0.1 * SHARES
