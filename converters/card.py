"""The model card: what a package holds, in sections of plain text that any output can show."""

import re
from collections.abc import Iterator
from typing import Final

from converters.card_evidence import evidence_sections
from converters.card_parts import Section, flat, number, pairs, percentage, shown
from edge_contract.package import (
    EMBEDDING,
    FEW_ROWS,
    JOINT,
    Feature,
    Manifest,
    Package,
    Reference,
    feature_subject,
    short,
)
from edge_contract.reading import JsonObject
from edge_contract.stats import (
    Categories,
    Joint,
    JointSpec,
    Moments,
    Sketch,
    Vectors,
    VectorsSpec,
)

__all__ = ["Section", "card_of", "features_as_json", "markdown_of"]

_CATEGORIES_SHOWN: Final = 3
_MARKUP: Final = re.compile(r"[\\|`*~#]|(?<![^\W_])_|_(?![^\W_])|\](?=[(\[:])")
"""What begins a table's cell, code, emphasis, a heading or a link."""


def card_of(package: Package, *, max_features: int | None = None) -> list[Section]:
    """Return the sections of a package's card; empty ones are left out.

    Args:
        package: The package.
        max_features: How many features to list; ``None`` lists all.

    Raises:
        PackageError: Its reference is missing or wrong.
    """
    manifest, reference = package.manifest, package.reference()
    sections = [
        pairs("Model", _identity(package)),
        *evidence_sections(manifest),
        _interface(manifest),
        _features(manifest, reference, max_features),
        pairs("Reference", _reference(reference)),
        pairs("Lineage", _lineage(manifest.lineage)),
        _files(manifest),
    ]
    return [section for section in sections if section.rows]


def markdown_of(package: Package) -> str:
    """Return the card as a Markdown document; texts of the package cannot be taken for markup."""
    manifest = package.manifest
    parts = [f"# {manifest.reference}"]
    if manifest.description:
        parts.append(_escaped(manifest.description))
    for section in card_of(package):
        head, *lines = (tuple(map(_escaped, line)) for line in (section.columns, *section.rows))
        rule = ("---",) * len(head)
        table = "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
        parts.append(f"## {_escaped(section.title)}\n\n{table}")
    return "\n\n".join(parts) + "\n"


def features_as_json(package: Package) -> list[JsonObject]:
    """Return what the reference knows about every feature, for scripts."""
    manifest, reference = package.manifest, package.reference()
    return [
        {
            "name": feature.name,
            "kind": "category" if feature.is_category else "number",
            "missing": _missing_share(feature, reference),
            **_range_as_json(feature, reference),
        }
        for feature in manifest.features
    ]


def _identity(package: Package) -> Iterator[tuple[str, str]]:
    manifest = package.manifest
    yield "name", manifest.name
    yield "version", manifest.version
    yield "digest", package.digest
    yield "created", manifest.created
    yield "task", manifest.task.value
    if manifest.classes:
        names = [str(name) for name in manifest.classes]
        more = f" and {len(names) - 12} more" if len(names) > 12 else ""
        yield "classes", ", ".join(names[:12]) + more
    if manifest.threshold is not None:
        yield "decision threshold", f"{manifest.threshold:.6g} of class {manifest.classes[-1]}"
    if manifest.description:
        yield "description", manifest.description
    if manifest.licence:
        yield "licence", manifest.licence
    yield "made with", ", ".join(f"{k} {v}" for k, v in manifest.framework.items())


def _interface(manifest: Manifest) -> Section:
    image = manifest.image
    pictures = {} if image is None else {image.tensor: f"pictures: {image.in_words()}"}
    inputs = [
        ("input", spec.name, str(spec), pictures.get(spec.name, "")) for spec in manifest.inputs
    ]
    outputs = [
        ("output", output.tensor.name, str(output.tensor), output.role.value)
        for output in manifest.outputs
    ]
    return Section("Interface", ("", "name", "type", "meaning"), (*inputs, *outputs))


def _features(manifest: Manifest, reference: Reference, limit: int | None) -> Section:
    rows = [
        (
            feature.name,
            "category" if feature.is_category else "number",
            _range(feature, reference),
            percentage(_missing_share(feature, reference)),
        )
        for feature in manifest.features[:limit]
    ]
    hidden = len(manifest.features) - len(rows)
    if hidden:
        rows.append((f"and {hidden} more", "", "", ""))
    return Section("Features", ("name", "kind", "in the reference", "missing"), tuple(rows))


def _reference(reference: Reference) -> Iterator[tuple[str, str]]:
    few = f" (below {FEW_ROWS:,}: only larger changes raise alarms)"
    yield "rows", f"{reference.rows:,}{few if reference.rows < FEW_ROWS else ''}"
    yield "variance inflation", f"{reference.variance_inflation:.2f}"
    pairs = reference.profile.find(JOINT, JointSpec.kind)
    if isinstance(pairs, Joint):
        yield "pairs of features watched", str(len(pairs.spec.pairs))
    vectors = reference.profile.find(EMBEDDING, VectorsSpec.kind)
    if isinstance(vectors, Vectors):
        yield "components of the embedding watched", str(vectors.spec.arity)
    if reference.strata is not None:
        spec = reference.strata.spec
        fewest = min((part.rows for part in reference.strata.parts.values()), default=0)
        yield "strata", f"{spec.kind.value} in {spec.time_zone}, at least {fewest:,} rows each"
    yield "calibration", "yes" if reference.calibration else "none: no labels or no probabilities"


def _lineage(lineage: JsonObject) -> Iterator[tuple[str, str]]:
    for name, value in flat({k: v for k, v in lineage.items() if k != "dirty"}):
        is_commit = name == "commit" and "dirty" in lineage
        changed = " and changes since" if lineage.get("dirty") else ", nothing changed since"
        yield name, shown(value) + changed * is_commit


def _files(manifest: Manifest) -> Section:
    rows = tuple(
        (
            artifact.path,
            artifact.role,
            f"{artifact.size:,} bytes",
            short(artifact.digest),
            ", ".join(f"{domain or 'ai.onnx'} {v}" for domain, v in artifact.opsets.items()),
        )
        for artifact in manifest.artifacts
    )
    return Section("Files", ("file", "role", "size", "digest", "operator sets"), rows)


def _range(feature: Feature, reference: Reference) -> str:
    subject = feature_subject(feature.name)
    categories = reference.profile.find(subject, "categories")
    if isinstance(categories, Categories):
        shares = sorted(((n, k) for k, n in categories.counts.items()), reverse=True)
        total = max(categories.count, 1)
        shown = [
            f"{feature.categories[k]} {percentage(n / total)}"
            for n, k in shares[:_CATEGORIES_SHOWN]
        ]
        if len(shares) > _CATEGORIES_SHOWN:
            shown.append(f"{len(shares) - _CATEGORIES_SHOWN} more")
        if categories.other:
            shown.append(f"others {percentage(categories.other / total)}")
        return ", ".join(shown)
    moments = reference.profile.find(subject, "moments")
    if not isinstance(moments, Moments) or not moments.finite:
        return ""
    deviation = f", sd {number(moments.variance**0.5)}" if moments.finite > 1 else ""
    return (
        f"{number(moments.low)} to {number(moments.high)}, mean {number(moments.mean)}{deviation}"
    )


def _range_as_json(feature: Feature, reference: Reference) -> JsonObject:
    moments = reference.profile.find(feature_subject(feature.name), "moments")
    if not isinstance(moments, Moments):
        return {"categories": len(feature.categories)}
    return {"low": moments.low, "high": moments.high, "mean": moments.mean}


def _missing_share(feature: Feature, reference: Reference) -> float:
    subject = feature_subject(feature.name)
    for kind in ("sketch", "categories"):
        statistic = reference.profile.find(subject, kind)
        if isinstance(statistic, Sketch | Categories):
            return statistic.missing / max(statistic.count, 1)
    return 0.0


def _escaped(text: str) -> str:
    """Return text so that a viewer of Markdown shows just it, on one line."""
    on_one_line = "".join(letter if letter.isprintable() else " " for letter in text)
    entities = on_one_line.replace("&", "&amp;").replace("<", "&lt;")
    return _MARKUP.sub(r"\\\g<0>", entities)
