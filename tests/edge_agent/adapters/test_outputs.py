import math

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.outputs import Decoded, OutputDecoder
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import Manifest, OutputRole, OutputSpec, Task, TensorSpec

LABEL = OutputSpec(TensorSpec("label", "int64", ("batch",)), OutputRole.LABEL)
PROBABILITIES = OutputSpec(
    TensorSpec("probabilities", "float32", ("batch", 3)), OutputRole.PROBABILITIES
)
VALUE = OutputSpec(TensorSpec("value", "float32", ("batch", 1)), OutputRole.VALUE)
OTHER = OutputSpec(TensorSpec("embedding", "float32", ("batch", 8)), OutputRole.OTHER)


def decoder(
    *outputs: OutputSpec,
    task: Task = Task.MULTICLASS,
    classes: tuple[str | int, ...] = (0, 1, 2),
    threshold: float | None = None,
) -> OutputDecoder:
    manifest = Manifest(
        name="gate",
        version="1.4.0",
        created="2026-02-03T04:05:06Z",
        task=task,
        inputs=(TensorSpec("x", "float32", ("batch", 1)),),
        outputs=outputs,
        features=(),
        classes=classes,
        threshold=threshold,
    )
    return OutputDecoder(manifest)


def floats(*rows: list[float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32)


def observed(decoded: Decoded) -> tuple[list[float], list[float]]:
    """What statistics count: classes and scores."""
    assert decoded.classes.dtype == decoded.scores.dtype == np.dtype("float32")
    return decoded.classes.tolist(), decoded.scores.tolist()


def test_labels_and_probabilities_come_as_the_model_gives_them() -> None:
    probabilities = floats([0.25, 0.5, 0.25], [0.75, 0.125, 0.125])

    decoded = decoder(LABEL, PROBABILITIES).decode([np.array([1, 0]), probabilities], 2)

    assert decoded.labels is not None
    assert decoded.labels.tolist() == [1, 0]
    assert decoded.probabilities is probabilities
    assert decoded.values is None
    assert observed(decoded) == ([1.0, 0.0], [0.5, 0.75])


def test_a_single_row_is_counted_as_many_are() -> None:
    decoded = decoder(LABEL, PROBABILITIES).decode([np.array([2]), floats([0.25, 0.25, 0.5])], 1)
    assert observed(decoded) == ([2.0], [0.5])


@pytest.mark.parametrize("rows", [1, 2])
def test_text_labels_are_counted_by_their_index(rows: int) -> None:
    words = decoder(LABEL, PROBABILITIES, classes=("ash", "elm", "oak"))
    labels = np.array(["oak", "ash"][:rows], object)
    probabilities = floats([0.25, 0.25, 0.5], [0.5, 0.25, 0.25])[:rows]

    decoded = words.decode([labels, probabilities], rows)

    assert decoded.labels is labels
    assert observed(decoded) == ([2.0, 0.0][:rows], [0.5, 0.5][:rows])


def test_whole_number_classes_need_not_begin_at_zero() -> None:
    years = decoder(LABEL, PROBABILITIES, classes=(10, 20, 30))
    decoded = years.decode([np.array([30, 10]), floats([0, 0, 1], [1, 0, 0])], 2)
    assert decoded.labels is not None
    assert decoded.labels.tolist() == [30, 10]
    assert observed(decoded) == ([2.0, 0.0], [1.0, 1.0])


def test_a_label_that_is_no_class_is_counted_as_unknown() -> None:
    words = decoder(LABEL, PROBABILITIES, classes=("ash", "elm", "oak"))
    pair = floats([0.5, 0.25, 0.25], [0.5, 0.25, 0.25])

    assert words.decode([np.array(["fir"]), pair[:1]], 1).classes.tolist() == [-1.0]
    assert words.decode([np.array(["fir", "oak"]), pair], 2).classes.tolist() == [-1.0, 2.0]
    numbers = decoder(LABEL, PROBABILITIES)
    assert numbers.decode([np.array([7]), pair[:1]], 1).classes.tolist() == [7.0]
    decoded = numbers.decode([np.array([7, -3]), floats([0, 0.75, 0.25], [0.5, 0.5, 0])], 2)
    assert observed(decoded) == ([7.0, -3.0], [0.25, 0.5])


def test_without_labels_the_likeliest_class_is_predicted() -> None:
    words = decoder(PROBABILITIES, classes=("ash", "elm", "oak"))
    decoded = words.decode([floats([0.25, 0.5, 0.25], [0.5, 0.25, 0.25])], 2)
    assert decoded.labels is not None
    assert decoded.labels.tolist() == ["elm", "ash"]
    assert observed(decoded) == ([1.0, 0.0], [0.5, 0.5])


def test_a_threshold_overrules_the_label_of_the_model() -> None:
    gate = decoder(LABEL, PROBABILITIES, task=Task.BINARY, classes=("no", "yes"), threshold=0.25)
    probabilities = floats([0.75, 0.25], [0.875, 0.125])

    decoded = gate.decode([np.array(["no", "no"], object), probabilities], 2)

    assert decoded.labels is not None
    assert decoded.labels.tolist() == ["yes", "no"]
    assert observed(decoded) == ([1.0, 0.0], [0.25, 0.875])


def test_labels_alone_have_no_score() -> None:
    decoded = decoder(LABEL).decode([np.array([1, 2])], 2)
    assert decoded.probabilities is None
    assert decoded.classes.tolist() == [1.0, 2.0]
    assert np.isnan(decoded.scores).all()


@pytest.mark.parametrize("shape", [(2,), (2, 1)])
def test_numbers_come_flat(shape: tuple[int, ...]) -> None:
    value = np.array([1.5, -2.0]).reshape(shape)
    decoded = decoder(VALUE, task=Task.REGRESSION, classes=()).decode([value], 2)
    assert decoded.labels is None
    assert decoded.values is not None
    assert decoded.values.tolist() == [1.5, -2.0]
    assert decoded.scores.tolist() == [1.5, -2.0]
    assert np.isnan(decoded.classes).all()


def test_of_several_numbers_the_first_is_counted() -> None:
    regression = decoder(VALUE, task=Task.REGRESSION, classes=())
    decoded = regression.decode([floats([1.0, 2.0], [3.0, 4.0])], 2)
    assert decoded.values is not None
    assert decoded.values.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert decoded.scores.tolist() == [1.0, 3.0]


def test_a_model_that_predicts_neither_is_counted_without_class_and_score() -> None:
    decoded = decoder(OTHER, task=Task.OTHER, classes=()).decode([np.zeros((2, 8))], 2)
    assert (decoded.labels, decoded.probabilities, decoded.values) == (None, None, None)
    assert all(map(math.isnan, [*decoded.classes.tolist(), *decoded.scores.tolist()]))


def test_a_model_that_answers_another_number_of_rows_has_failed() -> None:
    with pytest.raises(UnavailableError, match="the model gave 1 predictions for 2 rows"):
        decoder(LABEL, PROBABILITIES).decode([np.array([1]), floats([0, 1, 0])], 2)
    with pytest.raises(UnavailableError, match="the model gave 3 predictions for 1 rows"):
        decoder(VALUE, task=Task.REGRESSION, classes=()).decode([np.zeros(3)], 1)


def test_labels_and_probabilities_of_different_length_are_a_failure() -> None:
    with pytest.raises(UnavailableError, match="2 labels and 3 rows of probabilities"):
        decoder(LABEL, PROBABILITIES).decode([np.array([1, 0]), np.zeros((3, 3), np.float32)], 2)


def test_a_model_that_answers_another_number_of_classes_has_failed() -> None:
    with pytest.raises(UnavailableError, match=r"probabilities of shape \[1, 2\] for 3 classes"):
        decoder(LABEL, PROBABILITIES).decode([np.array([1]), floats([0, 1])], 1)
    with pytest.raises(UnavailableError, match=r"probabilities of shape \[2\] for 3 classes"):
        decoder(LABEL, PROBABILITIES).decode([np.array([1]), np.zeros(2, np.float32)], 1)


def test_a_classifier_without_any_answer_has_failed() -> None:
    with pytest.raises(UnavailableError, match="gives neither labels nor probabilities"):
        decoder(OTHER).decode([np.zeros((1, 8))], 1)


def test_a_threshold_needs_two_classes() -> None:
    with pytest.raises(PackageError, match=r"gate@1\.4\.0 has a threshold for 3 classes"):
        decoder(PROBABILITIES, threshold=0.5)
