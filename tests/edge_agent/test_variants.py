"""Which variant of a model a device runs, and what it does about one that does not work here."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.core.deployer import Deployer
from edge_agent.variants import VariantPolicy, load_variant, quickest
from edge_contract.errors import PackageError, UsageError
from edge_contract.messages import Assignment, Report, decode, encode
from edge_contract.package import ArtifactRole, Golden, Package
from tests.edge_agent.conftest import MakeAgent
from tests.support.agent_slots import V1
from tests.support.packages import altered, digits, reversed_digits
from tests.support.variant_packages import (
    exact_and_reversed,
    golden_of,
    larger_digits,
    with_second_model,
)

EXACT = digits().labels[:50].tolist()
REVERSED_MODEL = reversed_digits().package.model()
REVERSED = reversed_digits().labels[:50].tolist()


class TestAnAgent:
    @pytest.mark.parametrize(
        ("policy", "labels", "variant"),
        [("exact", EXACT, "fp32"), ("smallest", REVERSED, "int8")],
    )
    def test_predicts_with_the_variant_of_its_policy_and_tells_which(
        self, make_agent: MakeAgent, policy: str, labels: Sequence[int], variant: str
    ) -> None:
        agent = make_agent(exact_and_reversed(), variant=policy)

        found = agent.predict(digits().rows[:50]).labels

        assert found is not None
        assert found.tolist() == labels
        status = json.loads((agent.state / "status.json").read_text())
        assert status["models"]["digits"]["variant"] == variant
        assert status["models"]["digits"]["fallback"] == ""

    def test_runs_the_exact_model_unless_told_otherwise(self, make_agent: MakeAgent) -> None:
        found = make_agent(exact_and_reversed()).predict(digits().rows[:50]).labels
        assert found is not None
        assert found.tolist() == EXACT

    def test_runs_the_exact_model_where_it_is_the_smallest(self, make_agent: MakeAgent) -> None:
        package = exact_and_reversed(exact_is_larger=False)
        found = make_agent(package, variant="smallest").predict(digits().rows[:50]).labels
        assert found is not None
        assert found.tolist() == EXACT

    def test_refuses_a_policy_that_it_does_not_know(self, make_agent: MakeAgent) -> None:
        with pytest.raises(
            UsageError, match="variant 'int8' is unknown: choose from exact, smallest, fastest"
        ):
            make_agent(digits().package, variant="int8")

    def test_falls_back_on_the_exact_model_and_says_why(self, make_agent: MakeAgent) -> None:
        package = altered(exact_and_reversed(), ArtifactRole.GOLDEN, without_variants)

        agent = make_agent(package, variant="smallest")

        found = agent.predict(digits().rows[:50]).labels
        assert found is not None
        assert found.tolist() == EXACT
        told = json.loads((agent.state / "status.json").read_text())["models"]["digits"]
        assert told["variant"] == "fp32"
        assert told["fallback"] == (
            "variant int8: there are no golden vectors for variant 'int8'; convert the model again"
        )


def test_the_report_to_the_cloud_names_the_variant() -> None:
    deployer = Deployer("digits")
    deployer.on_desired(Assignment(V1), "http://packages", 0.0)
    deployer.on_fetched(V1.digest, 1.0)

    deployer.on_loaded(V1.digest, "CPU", 2.0, variant="int8")

    report = Report("cam-7", 1, 1, 1, {"digits": deployer.report()})
    assert report.models["digits"].variant == "int8"
    assert decode(encode(report)) == report


class TestLoading:
    def test_a_package_of_one_model_serves_every_policy(self) -> None:
        for policy in VariantPolicy:
            loaded = load_variant(digits().package, policy, OnnxRuntimeEngine())
            assert (loaded.variant, loaded.fallback) == ("fp32", "")

    def test_a_variant_that_answers_otherwise_than_its_author_saw_is_passed_over(self) -> None:
        other = golden_of(digits().package, digits().package.model())
        package = with_second_model(larger_digits(), REVERSED_MODEL, other)

        loaded = load_variant(package, VariantPolicy.SMALLEST, OnnxRuntimeEngine())

        assert loaded.variant == "fp32"
        assert "variant int8: output 'label' of digits@1.0.0 fails its golden" in loaded.fallback

    def test_a_variant_that_no_runtime_can_load_is_passed_over(self) -> None:
        golden = golden_of(digits().package, digits().package.model())
        package = with_second_model(digits().package, b"no model", golden)

        for policy in (VariantPolicy.SMALLEST, VariantPolicy.FASTEST):
            loaded = load_variant(package, policy, OnnxRuntimeEngine())
            assert loaded.variant == "fp32"
            assert "variant int8: model of digits@1.0.0 is no ONNX file" in loaded.fallback

    def test_golden_vectors_of_a_variant_may_leave_out_rows_and_allow_more(self) -> None:
        golden = golden_of(digits().package, REVERSED_MODEL)
        few = replace(
            golden,
            rows=(0, 2),
            outputs={name: it.taken((0, 2)) for name, it in golden.outputs.items()},
        )
        first = few.outputs["probabilities"]
        moved = replace(first, values=(float(str(first.values[0])) + 0.04, *first.values[1:]))
        off = replace(few, outputs={**few.outputs, "probabilities": moved})
        engine = OnnxRuntimeEngine()

        strict = with_second_model(larger_digits(), REVERSED_MODEL, off)
        assert load_variant(strict, VariantPolicy.SMALLEST, engine).variant == "fp32"
        lenient = replace(off, absolute={"probabilities": 0.05})
        package = with_second_model(larger_digits(), REVERSED_MODEL, lenient)
        assert load_variant(package, VariantPolicy.SMALLEST, engine).variant == "int8"

    def test_golden_rows_that_are_not_there_are_no_reason_to_fail(self) -> None:
        golden = golden_of(digits().package, REVERSED_MODEL)
        package = with_second_model(larger_digits(), REVERSED_MODEL, replace(golden, rows=(0, 400)))
        loaded = load_variant(package, VariantPolicy.SMALLEST, OnnxRuntimeEngine())
        assert loaded.variant == "fp32"
        assert "golden vectors of a variant speak of rows [0, 400], there are 16" in loaded.fallback

    def test_an_exact_model_that_fails_is_refused_though_a_variant_is_there(self) -> None:
        package = altered(exact_and_reversed(), ArtifactRole.MODEL, lambda _: b"no model")
        with pytest.raises(PackageError, match="is no ONNX file"):
            load_variant(package, VariantPolicy.EXACT, OnnxRuntimeEngine())

    def test_a_package_without_a_model_is_refused(self) -> None:
        manifest = replace(digits().package.manifest, artifacts=())
        package = Package.verified(manifest.to_bytes(), {})
        with pytest.raises(PackageError, match="has no file for model"):
            load_variant(package, VariantPolicy.SMALLEST, OnnxRuntimeEngine())


class TestTheFastest:
    @pytest.mark.parametrize(
        ("seconds", "place"),
        [((2e-3, 1e-3), 1), ((1e-3, 2e-3), 0), ((1e-3, 0.97e-3), 0), ((3e-3, 2e-3, 1e-3), 2)],
        ids=["quicker", "slower", "hardly quicker", "of three"],
    )
    def test_is_the_one_that_takes_least_time_or_the_exact_one(
        self, seconds: tuple[float, ...], place: int
    ) -> None:
        now_s = [0.0]

        def call(takes_s: float) -> Callable[[], None]:
            def pass_time() -> None:
                now_s[0] += takes_s

            return pass_time

        assert quickest([call(it) for it in seconds], clock=lambda: now_s[0]) == place

    def test_is_found_by_running_the_models_here(self) -> None:
        loaded = load_variant(exact_and_reversed(), VariantPolicy.FASTEST, OnnxRuntimeEngine())
        assert loaded.variant in {"fp32", "int8"}
        row = {"X": np.ascontiguousarray(digits().rows[:1])}
        expected = {"fp32": EXACT[0], "int8": REVERSED[0]}
        assert loaded.session.run(row)[0].tolist() == [expected[loaded.variant]]


def without_variants(golden: bytes) -> bytes:
    return replace(Golden.from_bytes(golden), variants={}).to_bytes()
