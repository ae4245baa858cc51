"""Variants of 8 bits: how they are made, when they are kept, and what is told of them."""

import logging
import re
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from benchmarks.delta_networks import Network
from converters.base import ConversionWarning
from converters.card import card_of, markdown_of
from converters.convert import convert
from converters.runtime import OnnxModel
from converters.variants import VariantRules
from converters.variants.graph import Recipe, plan_for
from converters.variants.prepare import prepared
from edge_contract.errors import UsageError
from edge_contract.package import Package
from edge_contract.reading import JsonObject, JsonValue
from tests.converters.helpers import quietly_converted

Floats = NDArray[np.float32]
RULES = VariantRules(max_accuracy_loss=0.02)


class Data(NamedTuple):
    """Handwritten digits, as numbers from 0 to 1, and which they are; some to train on."""

    seen: Floats
    seen_labels: NDArray[np.int64]
    rows: Floats
    labels: NDArray[np.int64]


@cache
def data() -> Data:
    rows, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    numbers = (rows[order] / 16).astype(np.float32)
    return Data(numbers[:1000], labels[order[:1000]], numbers[1000:], labels[order[1000:]])


@cache
def dense() -> object:
    return fitted(MLPClassifier((128,), max_iter=15, random_state=0), data().seen)


@cache
def dense_package() -> Package:
    return quietly_converted(dense(), data().rows, data().labels, variants=RULES)


@cache
def convolutions() -> bytes:
    """A network of convolutions that gives probabilities."""
    network = Network.fresh([1, 16, 16], [16, 10], seed=0)
    pictures = data().seen.reshape(-1, 1, 8, 8)
    network.train(pictures[:500], data().seen_labels[:500], epochs=8, rate=0.2, head=False)
    model = onnx.load_from_string(network.onnx())
    logits = model.graph.output[0]
    model.graph.node.append(helper.make_node("Softmax", [logits.name], ["probabilities"], axis=1))
    logits.name = "probabilities"
    return bytes(model.SerializeToString())


@cache
def convolution_package() -> Package:
    pictures = data().rows.reshape(-1, 1, 8, 8)
    return quietly_converted(convolutions(), pictures, data().labels, variants=RULES)


def trials_of(package: Package) -> list[JsonObject]:
    tried = package.manifest.evidence.variants["tried"]
    assert isinstance(tried, Sequence)
    found = []
    for trial in tried:
        assert isinstance(trial, Mapping)
        found.append(trial)
    return found


def number(value: JsonValue) -> float:
    assert isinstance(value, float)
    return value


def says(package: Package, variant: str, rows: Floats) -> Mapping[str, NDArray[np.generic]]:
    (spec,) = package.manifest.inputs
    return OnnxModel(package.model(variant=variant), what=variant).run({spec.name: rows})


class TestWhatIsMade:
    def test_of_convolutions_a_static_variant_that_is_smaller(self) -> None:
        package = convolution_package()

        (trial,) = trials_of(package)
        exact, variant = package.manifest.models
        assert (trial["method"], trial["kept"]) == ("static per channel", True)
        assert (variant.path, variant.variant) == ("model.int8.onnx", "int8")
        assert trial["size_bytes"] == variant.size < 0.65 * exact.size
        kinds = {
            node.op_type for node in onnx.load_from_string(package.model(variant="int8")).graph.node
        }
        assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
        assert not {"ConvInteger", "DynamicQuantizeLinear"} & kinds

    def test_convolutions_are_never_quantized_dynamically(self) -> None:
        assert plan_for(prepared(convolutions())).recipes == (
            Recipe.STATIC_PER_CHANNEL,
            Recipe.STATIC_WIDE,
            Recipe.STATIC_SPARING,
        )

    def test_of_products_a_dynamic_variant_is_tried_first_and_a_static_one_is_kept(self) -> None:
        package = dense_package()

        dynamic, static = trials_of(package)
        assert (dynamic["method"], dynamic["kept"]) == ("dynamic", False)
        assert (static["method"], static["kept"]) == ("static", True)
        assert static["size_bytes"] == len(package.model(variant="int8"))
        assert len(package.model(variant="int8")) < 0.45 * len(package.model())

    def test_the_reason_against_dynamic_ones_is_that_rows_of_a_call_share_their_range(self) -> None:
        assert str(trials_of(dense_package())[0]["why_not"]).startswith(
            "with a row of 1e+06 in the same call, f1 is "
        )
        rows, guest = data().rows[:31], np.full((1, 64), 1e6, np.float32)

        alone = says(dense_package(), "int8", rows)["label"]
        together = says(dense_package(), "int8", np.concatenate([rows, guest]))["label"]

        assert together[:31].tolist() == alone.tolist()

    def test_variants_are_faithful_and_measured_beside_the_exact_model(self) -> None:
        for package, rows in (
            (dense_package(), data().rows),
            (convolution_package(), data().rows.reshape(-1, 1, 8, 8)),
        ):
            exact, variant = (says(package, name, rows)["probabilities"] for name in ("", "int8"))
            assert (exact.argmax(1) == variant.argmax(1)).mean() > 0.98

            found = trials_of(package)[-1]
            metrics, latency = found["metrics"], found["latency"]
            assert isinstance(metrics, Mapping)
            assert set(metrics) == {"accuracy", "f1"}
            assert isinstance(latency, Sequence)
            assert [it["rows"] for it in latency if isinstance(it, Mapping)] == [1, 32]
            assert 0.0 <= number(found["other_answers"]) < 0.02

    def test_rows_to_calibrate_on_are_not_judged_by(self) -> None:
        found = dense_package().manifest.evidence.variants
        assert (found["calibrated_on_rows"], found["judged_on_rows"]) == (199, 598)
        assert (found["judged_by"], found["max_accuracy_loss"]) == ("labels", 0.02)

    def test_golden_vectors_of_a_variant_leave_out_rows_that_rounding_could_move(self) -> None:
        golden = dense_package().golden().variants["int8"]
        scores = says(dense_package(), "int8", data().rows)["probabilities"]
        assert 1 <= len(golden.rows) <= 16
        assert golden.outputs["label"].shape == (len(golden.rows),)
        assert 1e-5 <= golden.absolute["probabilities"] < 0.2
        assert np.isfinite(scores).all()

    def test_whoever_asks_for_no_variant_gets_the_package_without(self) -> None:
        package = quietly_converted(dense(), data().rows, data().labels)
        assert sorted(package.files) == ["golden.json", "model.onnx", "reference.json"]
        assert package.model() == dense_package().model()
        assert package.manifest.evidence.variants == {}


class TestMissingNumbers:
    def test_a_row_without_answer_of_the_exact_model_gets_none_of_the_variant(self) -> None:
        for package, rows in (
            (dense_package(), data().rows[:20].copy()),
            (convolution_package(), data().rows[:20].reshape(-1, 1, 8, 8).copy()),
        ):
            rows.reshape(20, 64)[3, 17] = np.nan

            exact, variant = (says(package, name, rows)["probabilities"] for name in ("", "int8"))

            assert np.flatnonzero(np.isnan(exact).all(axis=1)).tolist() == [3]
            assert np.flatnonzero(np.isnan(variant).any(axis=1)).tolist() == [3]

    def test_a_gap_that_the_model_fills_in_is_answered(self) -> None:
        gaps = np.random.default_rng(1).random(data().seen.shape) < 0.05
        seen = np.where(gaps, np.nan, data().seen)
        model = make_pipeline(SimpleImputer(), MLPClassifier((64,), max_iter=15, random_state=0))
        rows = data().rows.copy()
        rows[::3, 20] = np.nan

        package = quietly_converted(fitted(model, seen), rows, data().labels, variants=RULES)

        assert [it["kept"] for it in trials_of(package)] == [False, True]
        scores = says(package, "int8", rows)["probabilities"]
        assert np.isfinite(scores).all()


class TestTheGate:
    def test_drops_what_is_too_much_worse_and_keeps_the_figures(self) -> None:
        graph, rows = sum_of_products()
        truths = rows @ np.arange(1.0, 9.0).astype(np.float32)

        package, warning = converted(graph, rows, truths, rules=VariantRules(max_accuracy_loss=0.0))

        assert warning.startswith("no int8 variant: dynamic: mae is ")
        trials = trials_of(package)
        assert [it["method"] for it in trials] == [recipe.value for recipe in Recipe]
        for trial in trials:
            metrics = trial["metrics"]
            assert isinstance(metrics, Mapping)
            assert isinstance(metrics["rmse"], Mapping)
            assert number(metrics["rmse"]["loss"]) > 0
            assert trial["kept"] is False
            assert str(trial["why_not"]).endswith("more than the 0 allowed")
            assert {"size_bytes", "latency", "prediction_shift"} <= set(trial)
        assert [model.variant for model in package.manifest.models] == ["fp32"]
        assert package.golden().variants == {}

    @pytest.mark.parametrize(
        ("noise", "method"), [(6.0, "static"), (1.5, "static per channel, wide")]
    )
    def test_judges_a_regression_by_the_growth_of_its_errors(
        self, noise: float, method: str
    ) -> None:
        """Rows beyond the calibrated range cost more where the model is nearer to the truth."""
        graph, rows = sum_of_products()
        errors = noise * np.random.default_rng(5).normal(size=len(rows))
        truths = rows @ np.arange(1.0, 9.0) + errors

        package = quietly_converted(graph, rows, truths, variants=RULES)

        kept = trials_of(package)[-1]
        metrics = kept["metrics"]
        assert (kept["kept"], kept["method"]) == (True, method)
        assert isinstance(metrics, Mapping)
        assert set(metrics) == {"rmse", "mae"}

    def test_judges_by_the_exact_model_where_there_are_no_labels(self) -> None:
        package = quietly_converted(dense(), data().rows, variants=RULES)
        assert package.manifest.evidence.variants["judged_by"] == "the exact model"
        assert trials_of(package)[-1]["kept"] is True


class TestWhatIsNotTried:
    def test_a_forest_has_nothing_to_quantize(self) -> None:
        forest = RandomForestClassifier(3, max_depth=3, random_state=0)
        forest.fit(data().seen, data().seen_labels)
        package, warning = converted(forest, data().rows, data().labels, rules=RULES)
        assert warning.startswith("no int8 variant: nothing to quantize: no matrix product or")
        assert str(package.manifest.evidence.variants["not_tried"]).endswith(
            "the operators are TreeEnsembleClassifier"
        )

    def test_a_model_that_is_quantized_already_is_left_alone(self) -> None:
        network = Network.fresh([], [64, 16, 10], seed=0)
        plan = plan_for(prepared(network.onnx(int8=True)))
        assert (plan.recipes, plan.why_not) == ((), "the model is quantized already")

    def test_few_rows_are_too_few_to_judge_by(self) -> None:
        rows, labels = data().rows[:120], data().labels[:120]
        _, warning = converted(dense(), rows, labels, rules=RULES)
        assert warning == (
            "no int8 variant: 90 rows are left to judge it by, 100 are needed: give more"
        )

    def test_where_little_is_to_be_gained_nothing_is_tried_unless_it_is_asked_for(self) -> None:
        rules = VariantRules(auto=True)
        package = quietly_converted(dense(), data().rows, data().labels, variants=rules)
        assert package.manifest.evidence.variants == {
            "not_tried": "its weights have only 37,888 bytes"
        }

    @pytest.mark.parametrize("loss", [-0.1, 1.5, float("nan")])
    def test_a_loss_that_is_no_fraction_is_refused(self, loss: float) -> None:
        with pytest.raises(UsageError, match="max_accuracy_loss must be a fraction from 0 to 1"):
            VariantRules(max_accuracy_loss=loss)


class TestWhatIsTold:
    def test_the_card_shows_every_variant_beside_the_exact_model(self) -> None:
        (section,) = (it for it in card_of(dense_package()) if it.title.startswith("Variants"))

        assert section.title == "Variants (598 rows judged by labels, a loss of 0.02 allowed)"
        exact, dynamic, static = section.rows
        assert (exact[0], exact[-1]) == ("exact", "yes")
        assert dynamic[:2] == ("int8", "dynamic")
        assert dynamic[-1].startswith("no: with a row of 1e+06 in the same call")
        assert (static[1], static[-1]) == ("static", "yes")
        assert re.fullmatch(r"[\d.e+]+ us \(batch 1\), [\d.e+]+ us \(batch 32\)", exact[4])
        assert re.match(r"[\d.e+]+ us, [\d.]+ of exact \(batch 1\), ", static[4])
        assert "accuracy 0.9" in static[5]
        assert "## Variants (598 rows" in markdown_of(dense_package())

    def test_the_tools_print_nothing_log_nothing_and_leave_no_file(
        self, capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        graph, rows = sum_of_products()
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        before = list(logging.getLogger().handlers)

        quietly_converted(graph, rows, variants=VariantRules(max_accuracy_loss=1.0))

        assert capfd.readouterr() == ("", "")
        assert logging.getLogger().handlers == before
        assert list(tmp_path.iterdir()) == []


def fitted(model: MLPClassifier | Pipeline, rows: NDArray[np.floating]) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near enough for a test
        return model.fit(rows, data().seen_labels)


def converted(
    model: object, rows: NDArray[np.generic], labels: object, *, rules: VariantRules
) -> tuple[Package, str]:
    """Return the package, and what the author was warned of last."""
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", ConversionWarning)
        package = convert(model, rows, labels, name="m", version="1.0.0", variants=rules)
    return package, str(heard[-1].message)


def sum_of_products() -> tuple[bytes, Floats]:
    """A regression, 1 a + 2 b + ... + 8 h by way of a hidden layer of its weights, and rows."""
    middle = np.tile(np.arange(1.0, 9.0, dtype=np.float32).reshape(8, 1), (1, 400))
    last = np.full((400, 1), 1 / 400, np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "middle"], ["hidden"]),
            helper.make_node("MatMul", ["hidden", "last"], ["value"]),
        ],
        "sum",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(middle, "middle"), numpy_helper.from_array(last, "last")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    rows = np.random.default_rng(4).normal(size=(600, 8)).astype(np.float32)
    return bytes(model.SerializeToString()), rows
