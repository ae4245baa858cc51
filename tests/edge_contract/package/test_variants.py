"""A package of several variants is one package: one digest, every file named and verified."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_contract.errors import PackageError
from edge_contract.package import Golden, GoldenTensor, GoldenVariant, Package, canonical_json
from edge_contract.reading import JsonValue
from tests.support.packages import digits
from tests.support.variant_packages import exact_and_reversed

Fields = dict[str, JsonValue]


def test_the_first_model_is_the_exact_one_and_others_are_asked_for_by_name() -> None:
    package = exact_and_reversed()

    assert [model.variant for model in package.manifest.models] == ["fp32", "int8"]
    assert package.model() == package.files["model.onnx"]
    assert package.of_variant("int8").model() == package.files["model.int8.onnx"]
    assert package.of_variant("int8").digest == package.digest
    assert package.of_variant("fp32") == package
    with pytest.raises(PackageError, match=r"digits@1\.0\.0 has no file for model \(fp16\)"):
        package.of_variant("fp16")


@pytest.mark.parametrize("path", ["../model.onnx", "variants/int8.onnx", "/tmp/x", "..", ".x", ""])
def test_a_variant_cannot_name_a_file_elsewhere(path: str) -> None:
    package = exact_and_reversed()
    with pytest.raises(PackageError, match=r"manifest\.artifacts\[3\]\.path is .* text that match"):
        Package.verified(with_variant(package, path=path), package.files)


def test_a_variant_cannot_stand_for_a_file_that_is_there_already() -> None:
    package = exact_and_reversed()
    with pytest.raises(PackageError, match="lists a file twice"):
        Package.verified(with_variant(package, path="model.onnx"), package.files)


def test_a_variant_that_is_missing_or_another_is_refused() -> None:
    package = exact_and_reversed()
    others = {name: data for name, data in package.files.items() if name != "model.int8.onnx"}

    with pytest.raises(PackageError, match=r"lacks 'model\.int8\.onnx', which its manifest lists"):
        Package.verified(package.manifest_bytes, others)
    swapped = package.files["model.int8.onnx"][::-1]
    with pytest.raises(PackageError, match=r"'model\.int8\.onnx' has digest .* was tampered with"):
        Package.verified(package.manifest_bytes, {**others, "model.int8.onnx": swapped})
    with pytest.raises(PackageError, match=r"'model\.int8\.onnx' has 3 bytes, its manifest says"):
        Package.verified(package.manifest_bytes, {**others, "model.int8.onnx": b"abc"})


def test_a_package_without_variants_says_nothing_of_them() -> None:
    package = digits().package
    assert "variants" not in json.loads(package.files["golden.json"])
    assert "variants" not in json.loads(package.manifest_bytes)["evidence"]


def golden() -> Golden:
    rows = GoldenTensor("float32", (3, 2), (1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    sums = GoldenTensor("float32", (3,), (3.0, 7.0, 11.0))
    some = GoldenTensor("float32", (2,), (11.1, 3.1))
    variant = GoldenVariant((2, 0), {"sum": some}, {"sum": 0.5})
    return Golden({"x": rows}, {"sum": sums}, variants={"int8": variant})


def test_golden_vectors_of_a_variant_are_its_rows_outputs_and_tolerance() -> None:
    found = golden().of_variant("int8")

    assert found.inputs["x"] == GoldenTensor("float32", (2, 2), (5.0, 6.0, 1.0, 2.0))
    assert found.outputs["sum"].values == (11.1, 3.1)
    assert (found.absolute_of, found.relative) == ({"sum": 0.5}, 1e-3)
    assert Golden.from_bytes(golden().to_bytes()) == golden()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda it: it | {"rows": []}, "no golden vectors for variant 'int8'; convert the model"),
        (lambda it: it | {"rows": [3]}, r"speak of rows \[3\], there are 3"),
        (lambda it: it | {"rows": [-1]}, r"golden\.variants\.int8\.rows is .* expected a list"),
        (lambda it: it | {"absolute": {"sum": -1.0}}, r"int8\.absolute\.sum is -1\.0, expected"),
        (lambda it: it | {"absolute": {"sum": "inf"}}, r"int8\.absolute\.sum is 'inf', expected"),
        (lambda it: it | {"outputs": []}, r"int8\.outputs is \[\], expected an object"),
        (lambda it: {}, r"golden\.variants\.int8\.rows is missing"),
    ],
)
def test_golden_vectors_of_a_variant_that_are_wrong_are_refused(
    change: Callable[[Fields], Fields], message: str
) -> None:
    fields = json.loads(golden().to_bytes())
    fields["variants"]["int8"] = change(fields["variants"]["int8"])
    with pytest.raises(PackageError, match=message):
        Golden.from_bytes(canonical_json(fields)).of_variant("int8")


def with_variant(package: Package, *, path: str) -> bytes:
    """Return the manifest with another path of its variant."""
    *others, variant = package.manifest.artifacts
    return replace(package.manifest, artifacts=(*others, replace(variant, path=path))).to_bytes()
