"""The version of edgefleet, without asking how it was installed, which takes ten times as long."""

from typing import Final

__all__ = ["VERSION"]

VERSION: Final = "0.1.0"
"""The same as in ``pyproject.toml``; a test holds the two together."""
