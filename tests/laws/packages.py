"""Manifests, references, golden vectors and whole packages for hypothesis."""

import math
from dataclasses import replace

from hypothesis import strategies as st

from edge_contract.names import NAME_PATTERN, VERSION_PATTERN
from edge_contract.package import (
    MANIFEST_NAME,
    Artifact,
    Calibration,
    ErrorModel,
    ErrorTerm,
    Evidence,
    Feature,
    Golden,
    GoldenTensor,
    GoldenVariant,
    Manifest,
    OutputRole,
    OutputSpec,
    Package,
    Reference,
    Strata,
    StrataKind,
    StrataSpec,
    Stratum,
    Task,
    TensorSpec,
    digest_of,
)
from edge_contract.package.interface import ELEMENT_TYPES
from edge_contract.reading import JsonValue
from edge_contract.stats import BINS, SPECS, Column, Profile, ProfileSpec
from tests.laws.json_values import free_form, plain_text
from tests.laws.streams import any_row

__all__ = ["GOLDENS", "MANIFESTS", "PACKAGES", "REFERENCES"]

NAME = st.from_regex(NAME_PATTERN, fullmatch=True)
VERSION = st.from_regex(VERSION_PATTERN, fullmatch=True)
PATH = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(
    lambda path: path != MANIFEST_NAME
)

TENSOR = st.builds(
    TensorSpec,
    name=plain_text,
    element_type=st.sampled_from(ELEMENT_TYPES),
    shape=st.lists(st.integers(0, 10**6) | plain_text, max_size=4).map(tuple),
)
OUTPUT = st.builds(OutputSpec, tensor=TENSOR, role=st.sampled_from(OutputRole))
FILES = st.dictionaries(PATH, st.binary(max_size=60), max_size=4)


def features(inputs: int) -> st.SearchStrategy[tuple[Feature, ...]]:
    if not inputs:
        return st.just(())
    feature = st.builds(
        Feature,
        name=plain_text,
        input_index=st.integers(0, inputs - 1),
        column=st.integers(0, 10**6),
        is_category=st.booleans(),
        categories=st.lists(plain_text, max_size=3).map(tuple),
    )
    return st.lists(feature, max_size=4, unique_by=lambda item: item.name).map(tuple)


@st.composite
def artifacts(draw: st.DrawFn, files: dict[str, bytes]) -> tuple[Artifact, ...]:
    return tuple(
        Artifact(
            role=draw(st.sampled_from(["model", "reference", "golden", "notes"])),
            path=path,
            media_type=draw(plain_text),
            digest=digest_of(data),
            size=len(data),
            variant=draw(st.sampled_from(["", "fp32", "int8"])),
            opsets=draw(free_form),
            providers=tuple(draw(st.lists(plain_text, max_size=2))),
        )
        for path, data in files.items()
    )


@st.composite
def manifests(draw: st.DrawFn, files: dict[str, bytes] | None = None) -> Manifest:
    inputs = tuple(draw(st.lists(TENSOR, max_size=2)))
    return Manifest(
        name=draw(NAME),
        version=draw(VERSION),
        created=draw(plain_text),
        task=draw(st.sampled_from(Task)),
        inputs=inputs,
        outputs=tuple(draw(st.lists(OUTPUT, max_size=2))),
        features=draw(features(len(inputs))),
        classes=tuple(draw(st.lists(plain_text | st.integers(-(2**53) + 1, 2**53 - 1)))),
        threshold=draw(st.none() | st.floats(0.0, 1.0)),
        artifacts=draw(artifacts(draw(FILES) if files is None else files)),
        evidence=Evidence(*(draw(free_form) for _ in range(5))),
        framework=draw(free_form),
        lineage=draw(free_form),
        licence=draw(plain_text),
        description=draw(plain_text),
    )


@st.composite
def packages(draw: st.DrawFn) -> Package:
    files = draw(FILES)
    return Package.verified(draw(manifests(files)).to_bytes(), files)


_VALUES: dict[str, st.SearchStrategy[JsonValue]] = {
    "string": plain_text,
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**64 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["nan", "inf", "-inf"]),
}


@st.composite
def golden_tensors(draw: st.DrawFn) -> GoldenTensor:
    element_type = draw(st.sampled_from(ELEMENT_TYPES))
    shape = tuple(draw(st.lists(st.integers(0, 3), max_size=3)))
    values = _VALUES[element_type.removeprefix("u").rstrip("0123456789")]
    size = math.prod(shape)
    return GoldenTensor(
        element_type, shape, tuple(draw(st.lists(values, min_size=size, max_size=size)))
    )


TENSORS = st.dictionaries(plain_text, golden_tensors(), max_size=2)
TOLERANCES = st.dictionaries(plain_text, st.floats(0.0, 1.0), max_size=2)
GOLDEN_VARIANT = st.builds(
    GoldenVariant,
    rows=st.lists(st.integers(0, 9), max_size=3).map(tuple),
    outputs=TENSORS,
    absolute=TOLERANCES,
)

GOLDENS = st.builds(
    Golden,
    inputs=TENSORS,
    outputs=TENSORS,
    relative=st.floats(0.0, 1.0),
    absolute=st.floats(0.0, 1.0),
    absolute_of=TOLERANCES,
    variants=st.dictionaries(plain_text, GOLDEN_VARIANT, max_size=2),
)


@st.composite
def calibrations(draw: st.DrawFn, rows: list[int]) -> Calibration:
    def hits() -> tuple[tuple[float, ...], ...]:
        return tuple((draw(st.integers(0, 8 * count)) / 8,) * BINS for count in rows)

    counts = tuple((count,) * BINS for count in rows)
    rivals = draw(st.booleans())
    return Calibration(
        counts,
        hits(),
        counts if rivals else (),
        hits() if rivals else (),
        draw(st.none() | error_models()),
    )


@st.composite
def error_models(draw: st.DrawFn) -> ErrorModel:
    size = st.floats(0.0, 1e9)
    effects = draw(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=4))
    cuts = tuple(map(float, range(len(effects) - 2)))
    rows = tuple(range(len(effects)))
    term = ErrorTerm("feature:x", cuts, False, rows, tuple(effects), tuple(effects))
    kind = replace(term, cuts=(), is_category=True)
    terms = tuple(draw(st.lists(st.sampled_from((term, kind)), max_size=3)))
    return ErrorModel(1, draw(size), draw(size), draw(size), draw(size), 0.5, terms)


_EXAMPLES = [spec for cls in SPECS.values() for spec in cls.examples()]


@st.composite
def profiles(draw: st.DrawFn, spec: ProfileSpec | None = None) -> Profile:
    if spec is None:
        column = st.builds(Column, plain_text, st.sampled_from(_EXAMPLES))
        spec = ProfileSpec(tuple(draw(st.lists(column, max_size=4))))
    profile = spec.empty()
    for index, column_of in enumerate(spec.columns):
        for row in draw(st.lists(any_row(column_of.spec), max_size=4)):
            profile.observe(index, row)
    return profile


@st.composite
def strata(draw: st.DrawFn, spec: ProfileSpec) -> Strata:
    by = StrataSpec(draw(st.sampled_from(StrataKind)), draw(st.sampled_from(["UTC", "Asia/Tokyo"])))
    keys = draw(st.sets(st.sampled_from(by.keys), max_size=3))
    rows = st.integers(1, 10**6)
    parts = {
        key: Stratum(draw(rows), draw(profiles(spec))) for key in sorted(keys, key=by.keys.index)
    }
    return Strata(by, parts)


@st.composite
def references(draw: st.DrawFn) -> Reference:
    profile = draw(profiles())
    parts = draw(st.none() | strata(profile.spec))
    rows = draw(st.integers(0, 10**9))
    return Reference(
        rows=rows if parts is None else sum(part.rows for part in parts.parts.values()),
        profile=profile,
        calibration=draw(calibrations(draw(st.lists(st.integers(0, 9), max_size=3)))),
        variance_inflation=draw(st.floats(1.0, 1e6)),
        strata=parts,
        labels=draw(st.none() | profiles()),
    )


MANIFESTS = manifests()
PACKAGES = packages()
REFERENCES = references()
