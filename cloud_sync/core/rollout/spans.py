"""Spans of time as people say them."""

__all__ = ["in_words"]


def in_words(seconds: float) -> str:
    """Return ``40 s``, ``25 min``, ``3 h`` or ``2.5 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.2g} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.2g} days"
