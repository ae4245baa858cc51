"""Names of fleets, devices and models, and semantic versions: what is allowed and how to compare.

Names stand in MQTT topics, file names, URLs and NATS subjects, so they are kept to characters that
mean nothing special in any of them.
"""

import functools
import re
from typing import Final, Self

from edge_contract.errors import UsageError
from edge_contract.records import dataclass

__all__ = ["NAME_PATTERN", "VERSION_PATTERN", "Version", "checked_name"]

NAME_PATTERN: Final = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"
_NUMBER: Final = r"(?:0|[1-9][0-9]{0,8})"
_PRE_RELEASE_PART: Final = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
VERSION_PATTERN: Final = (
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-(?![0-9A-Za-z.-]{{33}})({_PRE_RELEASE_PART}(?:\.{_PRE_RELEASE_PART})*))?"
)


def checked_name(name: str, what: str) -> str:
    """Return ``name`` if it may be the name of a ``what``.

    Raises:
        UsageError: It is empty, too long, or has other characters than letters, digits, - and _.
    """
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise UsageError(
            f"{what} name {name!r} is not allowed: use 1 to 64 letters, digits, '-' and '_', "
            "not starting with '-'"
        )
    return name


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A semantic version; newer ones compare greater, as https://semver.org, section 11, says.

    A pre-release comes before its release; build metadata is not supported.
    """

    major: int
    minor: int
    patch: int
    pre_release: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``MAJOR.MINOR.PATCH[-PRE]``.

        Raises:
            UsageError: It is none.
        """
        match = re.fullmatch(VERSION_PATTERN, text)
        if match is None:
            raise UsageError(
                f"version {text!r} is not a semantic version: write it like 1.2.0 or 1.2.0-rc.1"
            )
        major, minor, patch, pre = match.groups()
        return cls(int(major), int(minor), int(patch), pre or "")

    def __lt__(self, other: "Version") -> bool:
        return self._precedence < other._precedence

    @property
    def _precedence(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        parts = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, part)
            for part in self.pre_release.split(".")
        )
        return self.major, self.minor, self.patch, not self.pre_release, parts

    def __str__(self) -> str:
        """The version as it is written."""
        release = f"{self.major}.{self.minor}.{self.patch}"
        return f"{release}-{self.pre_release}" if self.pre_release else release
