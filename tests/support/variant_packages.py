"""Packages with a second model whose answers tell which of the two has answered."""

from dataclasses import replace

import numpy as np
import onnx

from converters.golden import golden_tensors
from converters.runtime import OnnxModel
from edge_contract.package import Artifact, ArtifactRole, GoldenVariant, Package, digest_of
from tests.support.packages import altered, digits, reversed_digits

__all__ = ["exact_and_reversed", "golden_of", "larger_digits", "with_second_model"]


def exact_and_reversed(*, exact_is_larger: bool = True) -> Package:
    """``digits``, and as its variant int8 a model that says 9 where the exact one says 0."""
    variant = reversed_digits().package.model()
    if exact_is_larger:
        exact = larger_digits()
    else:
        exact, variant = digits().package, _longer(variant)
    return with_second_model(exact, variant, golden_of(exact, variant))


def larger_digits() -> Package:
    """``digits`` with a larger file for the same model."""
    return altered(digits().package, ArtifactRole.MODEL, _longer)


def golden_of(package: Package, model: bytes) -> GoldenVariant:
    """Return what ``model`` says of all golden rows of a package."""
    ((name, tensor),) = package.golden().inputs.items()
    rows = np.asarray(tensor.values, tensor.element_type).reshape(tensor.shape)
    outputs = golden_tensors(OnnxModel(model, what="the variant").run({name: rows}))
    return GoldenVariant(tuple(range(len(rows))), outputs, {})


def with_second_model(package: Package, model: bytes, golden: GoldenVariant | None) -> Package:
    """Return a package that also holds ``model``, as its variant int8."""
    variants = {} if golden is None else {"int8": golden}
    golden_bytes = replace(package.golden(), variants=variants).to_bytes()
    files = {**package.files, "golden.json": golden_bytes, "model.int8.onnx": model}
    kept = [_described(item, files[item.path]) for item in package.manifest.artifacts]
    second = replace(package.manifest.models[0], path="model.int8.onnx", variant="int8")
    manifest = replace(package.manifest, artifacts=(*kept, _described(second, model)))
    return Package.verified(manifest.to_bytes(), files)


def _longer(model: bytes) -> bytes:
    """Return the same model in a larger file."""
    proto = onnx.load_from_string(model)
    proto.doc_string = 1000 * "."
    return bytes(proto.SerializeToString())


def _described(artifact: Artifact, data: bytes) -> Artifact:
    return replace(artifact, digest=digest_of(data), size=len(data))
