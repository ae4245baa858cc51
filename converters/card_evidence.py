"""The part of a model card that says why the model may be trusted."""

from collections.abc import Iterator, Mapping, Sequence

from converters.baseline import SOURCE
from converters.card_parts import Section, field_of, flat, pairs, shown
from converters.card_variants import variants_section
from edge_contract.package import Evidence, Manifest
from edge_contract.package.metrics import gain_over
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["evidence_sections"]


def evidence_sections(manifest: Manifest) -> Iterator[Section]:
    """Yield parity, quality beside the baseline, quality by class, robustness, and variants."""
    yield _parity(manifest)
    yield pairs("Parity in detail", _parity_in_detail(manifest.evidence.parity))
    yield _quality(manifest.evidence)
    yield _per_class(manifest)
    yield _robustness(manifest.evidence)
    yield variants_section(manifest)


def _quality(evidence: Evidence) -> Section:
    """Return the measured metrics, with those of the baseline beside them if there is one."""
    measured = dict(flat({k: v for k, v in evidence.quality.items() if k != "per_class"}))
    reached = dict(flat({k: v for k, v in evidence.baseline.items() if k != SOURCE}))
    if not reached:
        return pairs("Quality", ((name, shown(value)) for name, value in measured.items()))
    rows = []
    for name in (*measured, *(name for name in reached if name not in measured)):
        found, baseline = measured.get(name), reached.get(name)
        better = ""
        if isinstance(baseline, int | float) and isinstance(found, int | float):
            better = f"{gain_over(name, baseline, found):+.4g}"
        rows.append((name, shown(found), shown(baseline), better))
    source = evidence.baseline.get(SOURCE)
    title = f"Quality (baseline: {source})" if source else "Quality"
    return Section(title, ("", "value", "baseline", "better by"), tuple(rows))


def _parity(manifest: Manifest) -> Section:
    parity = manifest.evidence.parity
    outputs = parity.get("outputs")
    rows = [
        (
            name,
            shown(field_of(found, "compared_rows")),
            shown(field_of(found, "unequal_rows")),
            shown(field_of(found, "largest_difference")),
            shown(field_of(found, "worst")),
        )
        for name, found in (outputs.items() if isinstance(outputs, Mapping) else ())
    ]
    title = "Parity with the source model"
    if parity.get("accept_difference"):
        title += f" (accepted knowingly: {shown(parity['accept_difference'])})"
    columns = ("output", "rows compared", "unequal", "largest difference", "in")
    return Section(title, columns, tuple(rows))


def _parity_in_detail(parity: JsonObject) -> Iterator[tuple[str, str]]:
    """Yield why inputs are float64, and what the source model itself leaves open."""
    reason = parity.get("float64_inputs")
    if reason:
        yield "inputs are float64, because with float32", shown(reason)
    asked, undecided = parity.get("made_up_rows"), parity.get("undecided_rows")
    for kind, rows in undecided.items() if isinstance(undecided, Mapping) else ():
        what = f"made-up rows ({kind}) that the source's own rounding decides"
        yield what, f"{shown(rows)} of {shown(field_of(asked, kind))}"
    rounds = parity.get("source_rounds")
    for kind, found in rounds.items() if isinstance(rounds, Mapping) else ():
        of = f"{shown(field_of(found, 'rows'))} of {shown(field_of(found, 'compared_rows'))}"
        most = shown(field_of(found, "largest_difference"))
        said = f"{of}, by up to {most}: the package says what the source says of float64"
        yield f"{kind} that the source's float32 changes", said


def _per_class(manifest: Manifest) -> Section:
    found = manifest.evidence.quality.get("per_class")
    metrics = ("precision", "recall", "f1", "rows")
    rows = [
        (name, *(shown(field_of(scores, metric)) for metric in metrics))
        for name, scores in (found.items() if isinstance(found, Mapping) else ())
    ]
    return Section("Quality by class", ("class", *metrics), tuple(rows))


def _robustness(evidence: Evidence) -> Section:
    """Return a table with a row for each change of the inputs, and one for no change."""
    found = evidence.robustness
    base, changes, rows = (found.get(name) for name in ("unchanged", "changes", "rows"))
    if not isinstance(base, Mapping) or not isinstance(changes, Sequence):
        return pairs("Robustness", ((name, shown(value)) for name, value in flat(found)))
    metrics = tuple(base)
    columns = ("inputs", *(column for name in metrics for column in (name, "worse by")))
    unchanged = ("unchanged", *(cell for name in metrics for cell in (shown(base[name]), "")))
    lines = [unchanged, *(_changed(change, metrics) for change in changes)]
    return Section(f"Robustness ({shown(rows)} rows)", columns, tuple(lines))


def _changed(change: JsonValue, metrics: Sequence[str]) -> tuple[str, ...]:
    lost, fails = field_of(change, "worse_by"), field_of(change, "fails")
    what = shown(field_of(change, "what"))
    cells = ((shown(field_of(change, name)), shown(field_of(lost, name))) for name in metrics)
    return (f"{what}: {shown(fails)}" if fails else what, *(it for pair in cells for it in pair))
