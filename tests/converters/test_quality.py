"""Quality on the caller's rows, with numbers worked out by hand."""

import numpy as np
import pytest

from converters.base import ConversionWarning
from converters.quality import quality, truth_of
from edge_contract.package import Manifest, OutputRole, OutputSpec, Task, TensorSpec


def classifier(*classes: str) -> Manifest:
    return Manifest(
        name="m",
        version="1.0.0",
        created="",
        task=Task.BINARY if len(classes) == 2 else Task.MULTICLASS,
        inputs=(),
        outputs=(
            OutputSpec(TensorSpec("label", "string", ("batch",)), OutputRole.LABEL),
            OutputSpec(
                TensorSpec("p", "float32", ("batch", len(classes))), OutputRole.PROBABILITIES
            ),
        ),
        features=(),
        classes=classes,
    )


def regression() -> Manifest:
    value = OutputSpec(TensorSpec("v", "float32", ("batch", 1)), OutputRole.VALUE)
    return Manifest(
        name="m",
        version="1.0.0",
        created="",
        task=Task.REGRESSION,
        inputs=(),
        outputs=(value,),
        features=(),
    )


def texts(*values: str) -> np.ndarray:
    return np.array(values, dtype=object)


def test_two_classes() -> None:
    manifest = classifier("no", "yes")
    outputs = {
        "label": texts("no", "no", "no", "yes"),
        "p": np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], dtype=np.float32),
    }
    truth = truth_of(["no", "yes", "no", "yes"], manifest=manifest)

    found = quality(manifest, outputs, truth)

    assert found == {
        "accuracy": 0.75,
        "precision": 1.0,
        "recall": 0.5,
        "f1": pytest.approx(2 / 3),
        "macro": {
            "precision": pytest.approx(5 / 6),
            "recall": 0.75,
            "f1": pytest.approx((4 / 5 + 2 / 3) / 2),
        },
        "per_class": {
            "no": {
                "precision": pytest.approx(2 / 3),
                "recall": 1.0,
                "f1": pytest.approx(4 / 5),
                "rows": 2,
            },
            "yes": {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "rows": 2},
        },
        "roc_auc": 1.0,
    }


def test_the_area_of_several_classes_is_the_mean_of_each_against_all_others() -> None:
    manifest = classifier("a", "b", "c")
    outputs = {
        "label": texts("a", "a", "b"),
        "p": np.array([[0.6, 0.3, 0.1], [0.6, 0.2, 0.2], [0.1, 0.8, 0.1]], dtype=np.float32),
    }

    found = quality(manifest, outputs, truth_of(["a", "b", "b"], manifest=manifest))

    assert found["roc_auc"] == pytest.approx((0.75 + 0.5) / 2)


def test_classes_that_do_not_occur_are_not_averaged() -> None:
    manifest = classifier("a", "b", "c")
    outputs = {
        "label": texts("a", "a", "b"),
        "p": np.eye(3, dtype=np.float32),
    }

    found = quality(manifest, outputs, truth_of(["a", "b", "b"], manifest=manifest))

    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["precision"] == pytest.approx((1 / 2 + 1) / 2)
    assert found["recall"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["f1"] == pytest.approx(2 / 3)


def test_a_truth_that_the_model_does_not_know_is_never_right() -> None:
    manifest = classifier("no", "yes")
    outputs = {
        "label": texts("no", "yes"),
        "p": np.array([[0.9, 0.1], [0.1, 0.9]], dtype=np.float32),
    }

    with pytest.warns(ConversionWarning, match="1 of 2 labels are no class .* 'perhaps': they"):
        truth = truth_of(["no", "perhaps"], manifest=manifest)
    found = quality(manifest, outputs, truth)

    assert found["accuracy"] == 0.5
    assert "roc_auc" not in found


def test_equal_scores_count_half_in_the_roc_auc() -> None:
    manifest = classifier("no", "yes")
    outputs = {
        "label": texts("no", "no"),
        "p": np.array([[0.7, 0.3], [0.7, 0.3]], dtype=np.float32),
    }

    found = quality(manifest, outputs, truth_of(["no", "yes"], manifest=manifest))

    assert found["roc_auc"] == 0.5


def test_a_predicted_number() -> None:
    manifest = regression()
    outputs = {"v": np.array([[1.0], [2.0], [6.0]], dtype=np.float32)}

    found = quality(manifest, outputs, truth_of([1.0, 4.0, 4.0], manifest=manifest))

    assert found["mae"] == pytest.approx(4 / 3)
    assert found["rmse"] == pytest.approx((8 / 3) ** 0.5)
    assert found["r2"] == pytest.approx(1 - 8 / 6)


def test_what_is_not_defined_is_left_out() -> None:
    manifest = regression()
    outputs = {"v": np.array([[1.0], [1.0]], dtype=np.float32)}

    assert "r2" not in quality(manifest, outputs, truth_of([2.0, 2.0], manifest=manifest))
