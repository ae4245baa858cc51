"""Warnings point at the line that called us, not at one of ours."""

import sys
import warnings
from types import FrameType, TracebackType
from typing import Final

from converters.base import ConversionWarning

__all__ = ["WarningsOfTheCaller"]

_OURS: Final = {"converters", "edgefleet"}


class WarningsOfTheCaller:
    """While entered, keeps warnings; at the end it issues them where the caller stands.

    Those of libraries keep their place. After an exception none is issued: it says more.
    """

    def __init__(self) -> None:
        self._catcher = warnings.catch_warnings(record=True)
        self._caught: list[warnings.WarningMessage] = []

    def __enter__(self) -> None:
        self._caught = self._catcher.__enter__()
        warnings.simplefilter("always")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._catcher.__exit__(kind, error, traceback)
        if error is not None:
            return
        for caught in self._caught:
            if issubclass(caught.category, ConversionWarning):
                warnings.warn(caught.message, stacklevel=_levels_to_the_caller() - 1)
            else:
                warnings.warn_explicit(
                    caught.message, caught.category, caught.filename, caught.lineno
                )


def _levels_to_the_caller() -> int:
    """Return how many frames above this one the first is that is not ours."""
    level = 1
    frame: FrameType | None = sys._getframe()
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
        level += 1
    return level


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] in _OURS
