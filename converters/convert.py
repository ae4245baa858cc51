"""Turns a trained model into a model package, or says why not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from converters.base import Converted, Progress, Request, source_for
from converters.baseline import checked_baseline, require_known_metrics
from converters.embedding import with_embedding
from converters.feature_names import with_feature_names
from converters.golden import golden_rows, golden_vectors
from converters.graph import opsets_of, parse_model
from converters.image_input import with_image_input
from converters.labels import require_label_for_each
from converters.lineage import git_state
from converters.parity import RELATIVE_TOLERANCE, check_parity, largest_difference
from converters.probes import MISSING
from converters.quality import quality, truth_of
from converters.reference import RowCounter, build_reference, count_plainly, with_categories
from converters.refusal import found_in
from converters.robustness import Trials, robustness
from converters.rows import as_rows, digest_of_rows, row_count
from converters.runtime import OnnxModel
from converters.source_rounding import tell_of_rounding
from converters.variants import Exact, VariantRules, Variants, make_variants
from converters.watching import Watching
from edge_contract.errors import PackageError, UsageError
from edge_contract.names import Version, checked_name
from edge_contract.onnx_file import require_safe_model
from edge_contract.package import (
    Artifact,
    ArtifactRole,
    Evidence,
    Golden,
    Manifest,
    Package,
    Processing,
    Reference,
    canonical_json,
    digest_of,
)
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["convert"]

_EXACT: Final = "fp32"
_ROOM: Final = RELATIVE_TOLERANCE / 5
"""A relative difference that leaves room for rows on which it is larger."""


def convert(  # noqa: PLR0913  one argument for each thing that a package says
    model: object,
    X: object = None,  # noqa: N803  as everybody who trains models calls it
    y: object = None,
    *,
    name: str,
    version: str,
    description: str = "",
    licence: str = "",
    classes: Sequence[str | int] = (),
    feature_names: Sequence[str] = (),
    lineage: "JsonObject | None" = None,
    baseline: "Mapping[str, JsonValue] | None" = None,
    image_input: str = "",
    processing: Processing | None = None,
    accept_difference: float = 0.0,
    watching: Watching | None = None,
    trials: Trials | None = None,
    variants: VariantRules | None = None,
    count: RowCounter = count_plainly,
    progress: Progress | None = None,
) -> Package:
    """Return a package of ``model``, checked on the rows that were given.

    Args:
        model: What one of :data:`converters.base.SOURCES` accepts: a fitted estimator or pipeline,
            a booster, a network, or an ONNX model (path, bytes or ``ModelProto``).
        X: Rows like those that devices will see, held out from training where possible, in the
            order of time if they have one: a DataFrame, an array, or for ONNX models a dict of
            arrays by input name. They become the reference; 5,000 or more are best.
        y: Their labels, for quality and calibration.
        name: Model name; versions of one model share it.
        version: Semantic version, ``1.0.0``.
        description: For people.
        licence: SPDX expression.
        classes: Labels in the order of the probabilities, for ONNX models that do not say them.
        feature_names: Of the columns of an array, which has no names.
        lineage: Goes into the manifest beside commit, data digest and parameters.
        baseline: What a person or a rule reaches: ``{"f1": 0.91, "source": "two radiologists"}``.
        image_input: How devices shall make an input of encoded pictures, see
            :mod:`converters.image_input`; empty for no such input.
        processing: Plugins that devices must have to run the model.
        accept_difference: See :func:`converters.parity.check_parity`.
        watching: What to watch beyond the features one by one.
        trials: How inputs are changed to measure robustness; ``None`` measures none.
        variants: Which smaller and quicker variants to make, and how good they must be; ``None``
            makes none.
        count: Counts the reference; a device's kernel is some thousand times faster.
        progress: Is told how far the conversion is.

    Raises:
        UsageError: Name or version is not allowed, the model is unfitted or of an unknown kind, or
            rows and labels do not fit it.
        PackageError: The conversion is not faithful, or the ONNX file is damaged.
    """
    _require_usable(X, name=name, version=version, accept_difference=accept_difference)
    given_lineage, given_baseline = _plain(lineage, "lineage"), checked_baseline(baseline)
    tell = progress or _tell_nobody
    tell("Reading the rows", 0.0)
    request = Request(model, as_rows(X), tuple(classes), y)
    require_label_for_each(y, rows=row_count(request.rows))
    converted, runtime, parity = _faithful(request, accept_difference, tell=tell)
    converted = with_feature_names(converted, feature_names)
    tell("Predicting all rows", 0.4)
    feeds = converted.feeds(converted.rows)
    outputs = runtime.run(feeds)
    draft = replace(
        _draft(converted, name=name, version=version),
        description=description,
        licence=licence,
        lineage=_lineage(converted, given_lineage),
        processing=processing or Processing(),
    )
    require_known_metrics(given_baseline, task=draft.task)
    wanted = watching or Watching()
    draft = with_categories(converted.features, draft, feeds)
    draft = with_embedding(draft, outputs, name=wanted.embedding)
    draft = with_image_input(draft, feeds, image_input)
    truth = truth_of(y, manifest=draft)
    measured = Evidence(
        parity=parity, quality=quality(draft, outputs, truth), baseline=given_baseline
    )
    takes_missing = _takes_missing(parity)
    if trials is not None:
        tell("Trying changed inputs", 0.5)
        tried = robustness(
            draft, runtime, feeds, outputs, truth=truth, takes_missing=takes_missing, trials=trials
        )
        measured = replace(measured, robustness=tried)
    tell("Counting the reference", 0.6)
    reference = build_reference(draft, feeds, outputs, truth=truth, count=count, watching=wanted)
    tell("Choosing golden vectors", 0.9)
    chosen = golden_rows(draft, runtime, feeds, outputs, has_jumps=converted.has_jumps)
    made = Variants()
    if variants is not None:
        tell("Making variants, and judging them", 0.92)
        exact = Exact(
            manifest=draft,
            data=converted.model,
            model=runtime,
            feeds=feeds,
            outputs=outputs,
            golden=chosen,
            truth=truth,
            takes_missing=takes_missing,
        )
        made = make_variants(exact, variants)
    tell("Packing", 0.98)
    golden = replace(golden_vectors(runtime, feeds, chosen), variants=made.golden)
    measured = replace(measured, variants=made.evidence)
    files = {_EXACT: converted.model, **made.models}
    package = _packed(replace(draft, evidence=measured), files, reference, golden)
    tell("Done", 1.0)
    return package


def _require_usable(rows: object, *, name: str, version: str, accept_difference: float) -> None:
    checked_name(name, "model")
    Version.parse(version)
    if not accept_difference >= 0:
        raise UsageError(f"accept_difference must be at least 0, got {accept_difference}")
    if rows is None:
        raise UsageError(
            "X is missing: give rows like those that devices will see; without them a conversion "
            "can neither be checked nor watched"
        )


def _draft(converted: Converted, *, name: str, version: str) -> Manifest:
    """Return a manifest without what has to be computed from the rows."""
    return Manifest(
        name=name,
        version=version,
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        task=converted.task,
        inputs=converted.inputs,
        outputs=converted.outputs,
        features=(),
        classes=converted.classes,
        threshold=converted.threshold,
        framework=converted.framework,
    )


def _faithful(
    request: Request, accept_difference: float, *, tell: Progress
) -> tuple[Converted, OnnxModel, JsonObject]:
    """Return a conversion that passes the parity check, loaded, with its evidence.

    It is the first one that passes with room to spare, for rows that nobody gave; else the closest.
    Inputs of float64 are for what fails with those of float32, and the evidence says how it did.

    Raises:
        PackageError: None passes; the reason is that of the first, which is fed most simply, of
            those that are given all digits.
    """
    refusals: dict[bool, PackageError] = {}
    closest: tuple[float, tuple[Converted, OnnxModel, JsonObject]] | None = None
    tell("Converting", 0.05)
    for converted in source_for(request.model).conversions(request):
        is_wide = converted.takes_float64
        if closest is not None and is_wide and not closest[1][0].takes_float64:
            break  # what devices send as they always do is right already
        tell("Comparing with the source model", 0.2)
        runtime = OnnxModel(converted.model, what="the converted model")
        try:
            parity = check_parity(converted, runtime, accept_difference=accept_difference)
        except PackageError as error:
            refusals.setdefault(is_wide, error)
            tell("Converting in another way", 0.2)
            continue
        why = found_in(refusals[False]) if False in refusals else converted.why_float64
        if is_wide and why:
            parity = {**parity, "float64_inputs": why}
        off = largest_difference(parity)
        if closest is None or off < closest[0]:
            closest = off, (converted, runtime, parity)
        if accept_difference or off <= _ROOM:
            break
    if closest is not None:
        tell_of_rounding(closest[1][2])
        return closest[1]
    raise next(
        (refusals[is_wide] for is_wide in (True, False) if is_wide in refusals),
        UsageError(f"{type(request.model).__name__} cannot be converted in any way that is known"),
    )


def _takes_missing(parity: JsonObject) -> bool:
    """Whether the source model accepted rows of which a number was missing."""
    made_up = parity.get("made_up_rows")
    return isinstance(made_up, Mapping) and bool(made_up.get(MISSING))


def _lineage(converted: Converted, given: JsonObject) -> JsonObject:
    return {
        **git_state(Path.cwd()),
        "data_digest": digest_of_rows(converted.rows),
        "parameters": converted.parameters,
        **converted.lineage,
        **given,
    }


def _plain(values: "Mapping[str, JsonValue] | None", what: str) -> JsonObject:
    """Return what the caller gave for the manifest, if JSON can hold it."""
    try:
        canonical_json(dict(values or {}))
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} must hold plain JSON values: {error}") from error
    return dict(values or {})


def _packed(
    draft: Manifest, models: Mapping[str, bytes], reference: Reference, golden: Golden
) -> Package:
    """Return the package; of the models by variant, the exact one comes first."""
    artifacts, files = [], {}
    for variant, data in models.items():
        path = "model.onnx" if variant == _EXACT else f"model.{variant}.onnx"
        require_safe_model(data, what="the converted model")
        files[path] = data
        artifacts.append(
            replace(
                _artifact(ArtifactRole.MODEL, path, data, "application/octet-stream"),
                variant=variant,
                opsets=opsets_of(parse_model(data, what="the converted model")),
                providers=("CPUExecutionProvider",),
            )
        )
    json_files = {
        ArtifactRole.REFERENCE: ("reference.json", reference.to_bytes()),
        ArtifactRole.GOLDEN: ("golden.json", golden.to_bytes()),
    }
    for role, (path, data) in json_files.items():
        files[path] = data
        artifacts.append(_artifact(role, path, data, "application/json"))
    manifest = replace(draft, artifacts=tuple(artifacts))
    return Package.verified(manifest.to_bytes(), files)


def _artifact(role: str, path: str, data: bytes, media_type: str) -> Artifact:
    return Artifact(role, path, media_type, digest_of(data), len(data))


def _tell_nobody(_step: str, _fraction: float) -> None:
    pass
