"""Model packages: manifest, files, reference and golden vectors.

What devices do not need when they start is imported when it is first used.
"""

from typing import TYPE_CHECKING

from edge_contract.package.artifact import Artifact, ArtifactRole
from edge_contract.package.calibration import Calibration
from edge_contract.package.digests import canonical_json, digest_of, short
from edge_contract.package.evidence import Evidence
from edge_contract.package.golden import Golden, GoldenTensor, GoldenVariant
from edge_contract.package.image_input import ImageInput
from edge_contract.package.interface import Feature, OutputRole, OutputSpec, Task, TensorSpec
from edge_contract.package.manifest import MANIFEST_NAME, Manifest
from edge_contract.package.observation import (
    Layout,
    Source,
    count_rows,
    embedding_size,
    layout_of,
    probabilities_size,
)
from edge_contract.package.package import PACKAGE_SUFFIX, Package, verify_artifact
from edge_contract.package.processing import Processing
from edge_contract.package.reference import (
    EMBEDDING,
    FEW_ROWS,
    JOINT,
    LATENCY,
    PREDICTION,
    Reference,
    Role,
    feature_subject,
    label_columns,
    prediction_columns,
    profile_specs,
)

if TYPE_CHECKING:
    from edge_contract.package.error_model import ErrorModel, ErrorTerm
    from edge_contract.package.strata import Strata, StrataKind, StrataSpec, Stratum

__all__ = [
    "EMBEDDING",
    "FEW_ROWS",
    "JOINT",
    "LATENCY",
    "MANIFEST_NAME",
    "PACKAGE_SUFFIX",
    "PREDICTION",
    "Artifact",
    "ArtifactRole",
    "Calibration",
    "ErrorModel",
    "ErrorTerm",
    "Evidence",
    "Feature",
    "Golden",
    "GoldenTensor",
    "GoldenVariant",
    "ImageInput",
    "Layout",
    "Manifest",
    "OutputRole",
    "OutputSpec",
    "Package",
    "Processing",
    "Reference",
    "Role",
    "Source",
    "Strata",
    "StrataKind",
    "StrataSpec",
    "Stratum",
    "Task",
    "TensorSpec",
    "canonical_json",
    "count_rows",
    "digest_of",
    "embedding_size",
    "feature_subject",
    "label_columns",
    "layout_of",
    "prediction_columns",
    "probabilities_size",
    "profile_specs",
    "short",
    "verify_artifact",
]

_HOMES = {
    "ErrorModel": "error_model",
    "ErrorTerm": "error_model",
    "Strata": "strata",
    "StrataKind": "strata",
    "StrataSpec": "strata",
    "Stratum": "strata",
}


def __getattr__(name: str) -> object:
    """Import what is asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
