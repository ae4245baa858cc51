"""The part of a model card that tells which variants were tried, and what they gain and cost."""

from collections.abc import Mapping, Sequence
from typing import Final

from converters.card_parts import Section, field_of, percentage, shown
from edge_contract.package import Manifest
from edge_contract.reading import JsonObject, JsonValue

__all__ = ["variants_section"]

_COLUMNS: Final = ("variant", "made", "size", "of exact", "time of a call", "result", "kept")
_NOTED_SHIFT: Final = 0.02


def variants_section(manifest: Manifest) -> Section:
    """Return a row for the exact model and one for each variant that was tried; none if none was.

    Times are those of calls of one row and of 32 on the author's machine, and fractions of the
    exact model's.
    """
    found = manifest.evidence.variants
    why_not, tried = found.get("not_tried"), found.get("tried")
    if why_not:
        row = ("int8", "", "", "", "", "", f"not tried: {shown(why_not)}")
        return Section("Variants", _COLUMNS, (row,))
    if not isinstance(tried, Sequence) or isinstance(tried, str):
        return Section("Variants", _COLUMNS, ())
    exact_bytes = found.get("exact_bytes")
    measured = next((it for it in map(_times, tried) if it), ())
    exact = ", ".join(_time(it, "exact_us") for it in measured)
    first = ("exact", "", _size(exact_bytes), "", exact, "", "yes")
    rows = (first, *(_row(trial, exact_bytes) for trial in tried))
    judged, by = shown(found.get("judged_on_rows")), shown(found.get("judged_by"))
    allowed = shown(found.get("max_accuracy_loss"))
    title = f"Variants ({judged} rows judged by {by}, a loss of {allowed} allowed)"
    return Section(title, _COLUMNS, rows)


def _row(trial: JsonValue, exact_bytes: JsonValue) -> tuple[str, ...]:
    size_bytes = field_of(trial, "size_bytes")
    return (
        shown(field_of(trial, "variant")),
        shown(field_of(trial, "method")),
        _size(size_bytes),
        _share(size_bytes, exact_bytes),
        ", ".join(_time(it, "variant_us") for it in _times(trial)),
        _result(trial),
        _kept(trial),
    )


def _size(size_bytes: JsonValue) -> str:
    return f"{shown(size_bytes)} bytes" if isinstance(size_bytes, int) else ""


def _share(part: JsonValue, whole: JsonValue) -> str:
    if not isinstance(part, int) or not isinstance(whole, int) or whole <= 0:
        return ""
    return percentage(part / whole)


def _times(trial: JsonValue) -> Sequence[JsonValue]:
    latency = field_of(trial, "latency")
    return latency if isinstance(latency, Sequence) and not isinstance(latency, str) else ()


def _time(latency: JsonValue, name: str) -> str:
    """Return ``18.5 us, 0.62 of exact (batch 1)``; of the exact model only the time."""
    time_us, ratio = field_of(latency, name), field_of(latency, "ratio")
    taken = f"{time_us:.3g} us" if isinstance(time_us, float) else ""
    share = f", {ratio:.2f} of exact" if isinstance(ratio, float) and name != "exact_us" else ""
    return f"{taken}{share} (batch {shown(field_of(latency, 'rows'))})"


def _result(trial: JsonValue) -> str:
    metrics = field_of(trial, "metrics")
    named: JsonObject = metrics if isinstance(metrics, Mapping) else {}
    return ", ".join(
        f"{name} {shown(field_of(it, 'exact'))} -> {shown(field_of(it, 'variant'))}"
        for name, it in named.items()
    )


def _kept(trial: JsonValue) -> str:
    if not field_of(trial, "kept"):
        return f"no: {shown(field_of(trial, 'why_not'))}"
    shift = field_of(trial, "prediction_shift")
    if isinstance(shift, float) and shift > _NOTED_SHIFT:
        return (
            f"yes; its predictions are distributed otherwise by {shift:.3f}, and the reference for "
            "drift is the exact model's"
        )
    return "yes"
