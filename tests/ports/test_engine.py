"""Every inference engine keeps the promises of ``edge_agent.ports.InferenceEngine``."""

import json
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.golden_check import check_golden
from edge_agent.ports import InferenceEngine
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.package import ArtifactRole, Golden, GoldenTensor, Manifest, Package, TensorSpec
from tests.support.packages import (
    Example,
    altered,
    binary,
    digits,
    mixed,
    regression,
    reversed_digits,
    words,
)


@pytest.fixture
def engine() -> InferenceEngine:
    return OnnxRuntimeEngine()


EXAMPLES = {
    "digits": digits().package,
    "threshold": binary().package,
    "regression": regression().package,
    "text classes": words().package,
    "mixed inputs": mixed().package,
}

every_package = pytest.mark.parametrize("package", EXAMPLES.values(), ids=list(EXAMPLES))


def changed_golden(package: Package, change: Callable[[Golden], Golden]) -> Package:
    return altered(
        package,
        ArtifactRole.GOLDEN,
        lambda data: change(Golden.from_bytes(data)).to_bytes(),
    )


def changed_output(
    golden: Golden, name: str, change: Callable[[GoldenTensor], GoldenTensor]
) -> Golden:
    outputs: Mapping[str, GoldenTensor] = {**golden.outputs, name: change(golden.outputs[name])}
    return replace(golden, outputs=outputs)


def with_manifest(package: Package, manifest: Manifest) -> Package:
    return Package.verified(manifest.to_bytes(), package.files)


@every_package
def test_a_good_package_passes_its_golden_vectors(
    engine: InferenceEngine, package: Package
) -> None:
    check_golden(package, engine.load(package))


def test_outputs_come_in_the_order_of_the_manifest(engine: InferenceEngine) -> None:
    package, rows = binary().package, binary().rows[:2]
    turned = replace(package.manifest, outputs=tuple(reversed(package.manifest.outputs)))
    feeds = {package.manifest.inputs[0].name: rows}

    label, probabilities = engine.load(package).run(feeds)
    first, second = engine.load(with_manifest(package, turned)).run(feeds)

    assert (label.shape, probabilities.shape) == ((2,), (2, 2))
    assert (first.tolist(), second.tolist()) == (probabilities.tolist(), label.tolist())


def test_inputs_are_neither_changed_nor_kept(engine: InferenceEngine) -> None:
    session = engine.load(digits().package)
    rows = digits().rows[:3].copy()
    before = rows.copy()

    outputs = session.run({"X": rows})
    expected = [output.tolist() for output in outputs]
    assert np.array_equal(rows, before)

    rows[:] = 0.0
    session.run({"X": rows})
    assert [output.tolist() for output in outputs] == expected


def test_rows_in_another_order_of_memory_are_read_right(engine: InferenceEngine) -> None:
    session = engine.load(digits().package)
    rows = digits().rows[:4]
    _, expected = session.run({"X": rows})
    _, by_columns = session.run({"X": np.asfortranarray(rows)})
    _, backwards = session.run({"X": rows[::-1]})
    assert by_columns.tolist() == expected.tolist()
    assert backwards.tolist() == expected[::-1].tolist()


def test_threads_may_run_a_session_at_the_same_time(engine: InferenceEngine) -> None:
    session = engine.load(digits().package)
    rows = digits().rows[:64]
    expected = [session.run({"X": rows[i : i + 1]})[1].tolist() for i in range(64)]
    together = threading.Barrier(8)

    def run_all(_worker: int) -> list[object]:
        together.wait()
        return [session.run({"X": rows[i : i + 1]})[1].tolist() for i in range(64)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(run_all, range(8)))

    assert found == [expected] * 8


@pytest.mark.parametrize("example", [digits(), regression()], ids=["digits", "regression"])
def test_what_is_bound_to_memory_gives_what_a_call_gives(
    engine: InferenceEngine, example: Example
) -> None:
    session, name = engine.load(example.package), example.package.manifest.inputs[0].name
    row = np.zeros_like(example.rows[:1])
    outputs = {
        output.tensor.name: np.zeros_like(found)
        for output, found in zip(
            example.package.manifest.outputs, session.run({name: row}), strict=True
        )
    }
    run = session.bound({name: row}, outputs)
    assert run is not None

    for number in range(20):
        row[:] = example.rows[number]
        run()
        expected = session.run({name: row})
        found = list(outputs.values())
        assert [t.tolist() for t in found] == [t.tolist() for t in expected]


def test_tensors_of_texts_or_of_other_types_are_not_bound(engine: InferenceEngine) -> None:
    texts, row = np.zeros(1, object), np.zeros((1, 4), np.float32)
    assert engine.load(words().package).bound({"X": row}, {"label": texts}) is None
    digit, wrong = np.zeros((1, 64)), np.zeros(1, np.int64)
    assert engine.load(digits().package).bound({"X": digit}, {"label": wrong}) is None
    assert engine.load(digits().package).bound({"X": row}, {"nothing": wrong}) is None


def test_a_bound_output_of_another_shape_is_no_answer(engine: InferenceEngine) -> None:
    row, label = np.zeros((1, 64), np.float32), np.zeros(2, np.int64)
    run = engine.load(digits().package).bound({"X": row}, {"label": label})
    assert run is not None
    with pytest.raises(Exception, match="shape"):
        run()


def test_inputs_that_do_not_fit_fail_with_the_runtime_s_first_line(
    engine: InferenceEngine,
) -> None:
    session = engine.load(digits().package)
    for feeds in ({"X": np.zeros((1, 63), np.float32)}, {"X": np.zeros((1, 64))}, {}):
        with pytest.raises(UnavailableError, match=r"^the model failed: .") as error:
            session.run(feeds)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("kept_bytes", [0, 1, 500])
def test_a_model_that_was_cut_off_is_refused_in_one_line(
    engine: InferenceEngine, kept_bytes: int
) -> None:
    package = altered(digits().package, ArtifactRole.MODEL, lambda data: data[:kept_bytes])
    with pytest.raises(PackageError, match=r"^model of digits@1\.0\.0 is no ONNX file") as error:
        engine.load(package)
    assert "\n" not in str(error.value)


def test_a_model_with_other_inputs_than_its_manifest_says_is_refused(
    engine: InferenceEngine,
) -> None:
    package = digits().package
    manifest = replace(package.manifest, inputs=(TensorSpec("Y", "float32", ("batch", 64)),))
    with pytest.raises(PackageError, match=r"has inputs \['X'\], its manifest says \['Y'\]; conv"):
        engine.load(with_manifest(package, manifest))


def test_without_the_wished_provider_the_processor_serves_and_says_why() -> None:
    session = OnnxRuntimeEngine(providers=("openvino", "cpu")).load(digits().package)
    assert session.provider == "CPUExecutionProvider"
    assert re.fullmatch(
        r"onnxruntime \S+ here has no OpenVINOExecutionProvider: install onnxruntime-openvino",
        session.fallback,
    )
    check_golden(digits().package, session)


@pytest.mark.parametrize("providers", [(), ("cpu",), ("CPUExecutionProvider", "cuda"), ("auto",)])
def test_where_the_processor_is_the_best_choice_nothing_was_passed_over(
    providers: tuple[str, ...],
) -> None:
    session = OnnxRuntimeEngine(providers=providers).load(digits().package)
    assert (session.provider, session.fallback) == ("CPUExecutionProvider", "")


def test_an_unknown_provider_is_an_error_of_the_user() -> None:
    with pytest.raises(UsageError, match=r"provider 'gpu' is unknown: choose from auto, cpu, cuda"):
        OnnxRuntimeEngine(providers=("gpu",))


def test_a_limit_of_no_memory_is_an_error_of_the_user() -> None:
    with pytest.raises(UsageError, match=r"^device memory must be above 0 MiB, got 0$"):
        OnnxRuntimeEngine(providers=("cuda",), device_memory_mb=0)


class TestGoldenVectors:
    def test_a_number_that_differs_is_shown(self, engine: InferenceEngine) -> None:
        def higher(tensor: GoldenTensor) -> GoldenTensor:
            first = tensor.values[0]
            assert isinstance(first, float)
            return replace(tensor, values=(first + 0.01, *tensor.values[1:]))

        package = changed_golden(
            digits().package, lambda golden: changed_output(golden, "probabilities", higher)
        )
        with pytest.raises(
            PackageError,
            match=r"^output 'probabilities' of digits@1\.0\.0 fails its golden vectors on this "
            r"device: at \[0, 0\] it is .*, its author measured ",
        ):
            check_golden(package, engine.load(package))

    def test_a_text_that_differs_is_shown(self, engine: InferenceEngine) -> None:
        def wrong(tensor: GoldenTensor) -> GoldenTensor:
            return replace(tensor, values=(*tensor.values[:-1], "fir"))

        package = changed_golden(
            words().package, lambda golden: changed_output(golden, "label", wrong)
        )
        with pytest.raises(PackageError, match="its author measured 'fir'"):
            check_golden(package, engine.load(package))

    def test_another_model_in_the_package_is_found_out(self, engine: InferenceEngine) -> None:
        other = reversed_digits().package.model()
        package = altered(digits().package, ArtifactRole.MODEL, lambda _: other)
        with pytest.raises(PackageError, match=r"output 'label' of digits@1\.0\.0 fails its"):
            check_golden(package, engine.load(package))

    def test_an_output_without_golden_vector_is_refused(self, engine: InferenceEngine) -> None:
        package = changed_golden(
            digits().package,
            lambda golden: replace(golden, outputs={"label": golden.outputs["label"]}),
        )
        with pytest.raises(
            PackageError,
            match=r"digits@1\.0\.0 has no golden vector for its output 'probabilities'",
        ):
            check_golden(package, engine.load(package))

    def test_another_number_of_rows_is_refused(self, engine: InferenceEngine) -> None:
        def shorter(tensor: GoldenTensor) -> GoldenTensor:
            return replace(tensor, shape=(len(tensor.values) - 1,), values=tensor.values[:-1])

        package = changed_golden(
            digits().package, lambda golden: changed_output(golden, "label", shorter)
        )
        with pytest.raises(PackageError, match=r"'label' .* has shape \[16\] .* measured \[15\]"):
            check_golden(package, engine.load(package))

    def test_inputs_that_the_model_cannot_take_are_refused(self, engine: InferenceEngine) -> None:
        package = changed_golden(digits().package, lambda golden: replace(golden, inputs={}))
        with pytest.raises(PackageError, match=r"digits@1\.0\.0 cannot run its golden vectors: "):
            check_golden(package, engine.load(package))

    def test_a_number_too_large_for_its_type_is_refused(self, engine: InferenceEngine) -> None:
        def overflowing(tensor: GoldenTensor) -> GoldenTensor:
            return replace(tensor, values=(2**63, *tensor.values[1:]))

        package = changed_golden(
            digits().package, lambda golden: changed_output(golden, "label", overflowing)
        )
        with pytest.raises(PackageError, match="a golden vector is no int64"):
            check_golden(package, engine.load(package))

    def test_outputs_that_are_no_prediction_are_refused(self, engine: InferenceEngine) -> None:
        package = digits().package
        manifest = replace(package.manifest, classes=("only", "two"))
        with pytest.raises(PackageError, match=r"probabilities of shape \[16, 10\] for 2 classes"):
            check_golden(with_manifest(package, manifest), engine.load(package))

    def test_numbers_that_are_not_finite_are_compared(self, engine: InferenceEngine) -> None:
        nan = {"element_type": "float32", "shape": [1, 2], "values": ["nan", "inf"]}
        result = {"element_type": "float32", "shape": [1], "values": ["nan"]}
        golden = {
            "inputs": {"X": nan},
            "outputs": {"variable": result},
            "relative": 1e-3,
            "absolute": 1e-5,
        }
        text = json.dumps(golden).encode()
        package = altered(regression().package, ArtifactRole.GOLDEN, lambda _: text)
        check_golden(package, engine.load(package))
