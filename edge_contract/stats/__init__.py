"""Mergeable statistics. Importing this package lists every kind in ``SPECS``."""

from edge_contract.stats.agreement import Agreement, AgreementSpec
from edge_contract.stats.base import SPECS, Spec, State, Statistic, register, spec_from_json
from edge_contract.stats.categories import Categories, CategoriesSpec
from edge_contract.stats.class_probabilities import (
    MAX_CLASSES,
    SHARES,
    WORTH_BINS,
    ClassProbabilities,
    ClassProbabilitiesSpec,
)
from edge_contract.stats.joint import LARGEST_PRODUCT, Joint, JointSpec
from edge_contract.stats.labels import CalibrationBin, Labels, LabelsSpec
from edge_contract.stats.moments import Moments, MomentsSpec
from edge_contract.stats.probabilities import BINS, Probabilities, ProbabilitiesSpec
from edge_contract.stats.profile import Column, Profile, ProfileSpec, ProfileState
from edge_contract.stats.quantised import LARGEST, STEPS, Sums
from edge_contract.stats.sketch import CENTRED, FLOAT_BITS, Sketch, SketchSpec
from edge_contract.stats.vectors import MAX_DIMENSION, Vectors, VectorsSpec

__all__ = [
    "BINS",
    "BUILT_IN",
    "CENTRED",
    "FLOAT_BITS",
    "LARGEST",
    "LARGEST_PRODUCT",
    "MAX_CLASSES",
    "MAX_DIMENSION",
    "SHARES",
    "SPECS",
    "STEPS",
    "WORTH_BINS",
    "Agreement",
    "AgreementSpec",
    "CalibrationBin",
    "Categories",
    "CategoriesSpec",
    "ClassProbabilities",
    "ClassProbabilitiesSpec",
    "Column",
    "Joint",
    "JointSpec",
    "Labels",
    "LabelsSpec",
    "Moments",
    "MomentsSpec",
    "Probabilities",
    "ProbabilitiesSpec",
    "Profile",
    "ProfileSpec",
    "ProfileState",
    "Sketch",
    "SketchSpec",
    "Spec",
    "State",
    "Statistic",
    "Sums",
    "Vectors",
    "VectorsSpec",
    "register",
    "spec_from_json",
]

BUILT_IN = frozenset(SPECS)
"""The kinds that edgefleet brings itself; all others are of plugins."""
