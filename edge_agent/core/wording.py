"""Texts from outside, made fit for the wire and the journal."""

from typing import Final

__all__ = ["MOST_CHARACTERS", "fitting"]

MOST_CHARACTERS: Final = 1000
"""Longest text for people; both sides of the wire refuse much longer ones."""


def fitting(text: str, *, most: int = MOST_CHARACTERS) -> str:
    """Return ``text`` cut to ``most`` characters, with what has no UTF-8 form replaced.

    A reason may be an exception's text of any length, with a file name in it that is no text.
    """
    plain = text.encode(errors="replace").decode()
    return plain if len(plain) <= most else f"{plain[: most - 3]}..."
