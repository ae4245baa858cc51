"""How the dashboard writes numbers, times and states."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

__all__ = ["UNKNOWN", "decimal", "file_size", "number", "score", "share", "tone", "when", "words"]

UNKNOWN: Final = "\N{EN DASH}"

_TONES: Final[Mapping[str, str]] = {
    "good": "online succeeded passed pass active done finished",
    "busy": "running accepted dispatching soaking analysing in_progress notified shadow trial "
    "finalising downloading verifying validating scheduled ready",
    "warn": "paused awaiting_approval inconclusive",
    "bad": "failed timed_out fail rejected bad rolled_back rolling_back aborted aborting "
    "unreachable",
}
_TONE_OF: Final = {state: tone for tone, states in _TONES.items() for state in states.split()}


def tone(state: str) -> str:
    """Return how a state is to be taken: good, busy, warn, bad or idle; style sheets colour it."""
    return _TONE_OF.get(state, "idle")


def words(state: str) -> str:
    """Return a state as people read it: ``awaiting approval``."""
    return state.replace("_", " ")


def number(value: int) -> str:
    """Return a count: ``12,345``, ``12.3 M``."""
    if abs(value) < 10_000_000:
        return f"{value:,}"
    return f"{value / 1e6:,.1f} M" if abs(value) < 10_000_000_000 else f"{value / 1e9:,.1f} G"


def decimal(value: object, digits: int = 3) -> str:
    """Return a number of any size in a few digits; a dash for what is not known."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return UNKNOWN
    if isinstance(value, int):
        return number(value)
    return f"{value:.{digits}g}" if abs(value) < 10**digits else number(round(value))


def score(value: float) -> str:
    """Return a distance or a degree of evidence in two decimals: ``0``, ``0.31``, ``3.40``."""
    if not math.isfinite(value):
        return UNKNOWN
    if abs(value) < 0.005:
        return "0"
    return f"{value:.2f}" if abs(value) < 100 else decimal(value)


def share(fraction: float) -> str:
    """Return a fraction as people read it: ``10 %``, ``0.5 %``."""
    return f"{fraction * 100:.3g} %" if math.isfinite(fraction) else UNKNOWN


def file_size(size_bytes: int) -> str:
    """Return the size of a file."""
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes / 1e3:.1f} kB"


def when(at_unix_s: float) -> Markup:
    """Return a time that the page's script turns into ``12 s ago`` and keeps so."""
    if not at_unix_s > 0:
        return Markup("never")
    moment = datetime.fromtimestamp(at_unix_s, UTC)
    return Markup('<time datetime="{}" data-ago>{}</time>').format(
        f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment:%Y-%m-%d %H:%M:%S} UTC"
    )
