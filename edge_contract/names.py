"""Names of fleets, devices and models, and semantic versions: what is allowed and how to compare.

Names stand in MQTT topics, file names, URLs and NATS subjects, so they are kept to characters that
mean nothing special in any of them.
"""

import re
from typing import Final, NamedTuple, Self

from edge_contract.errors import UsageError

__all__ = ["NAME_PATTERN", "VERSION_PATTERN", "Version", "checked_name"]

NAME_PATTERN: Final = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"
VERSION_PATTERN: Final = (
    r"(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]{1,32})?"
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


class Version(NamedTuple):
    """A semantic version; ordered as https://semver.org, section 11, says.

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
        return cls(int(major), int(minor), int(patch), (pre or "")[1:])

    @property
    def precedence(self) -> tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]]:
        """The sort key: newer versions compare greater."""
        parts = tuple(
            (not part.isdigit(), int(part) if part.isdigit() else 0, part)
            for part in self.pre_release.split(".")
        )
        return self.major, self.minor, self.patch, not self.pre_release, parts

    def __str__(self) -> str:
        """The version as it is written."""
        release = f"{self.major}.{self.minor}.{self.patch}"
        return f"{release}-{self.pre_release}" if self.pre_release else release
