import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_contract.errors import UsageError
from edge_contract.names import NAME_PATTERN, VERSION_PATTERN, Version, checked_name

ORDERED = [
    "0.0.0",
    "0.9.10",
    "1.0.0-0",
    "1.0.0-2",
    "1.0.0-10",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1-rc.1",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0-20260203040506",
    "2.0.0",
]
"""Versions from the oldest to the newest."""


def test_versions_are_ordered_as_semver_says() -> None:
    versions = [Version.parse(text) for text in ORDERED]

    assert sorted(versions, reverse=True) == versions[::-1]
    assert [str(version) for version in versions] == ORDERED
    assert all(a < b and b > a and a <= b for a, b in itertools.pairwise(versions))


@given(text=st.from_regex(VERSION_PATTERN, fullmatch=True))
def test_a_version_is_written_as_it_was_read(text: str) -> None:
    assert str(Version.parse(text)) == text


@given(
    a=st.from_regex(VERSION_PATTERN, fullmatch=True),
    b=st.from_regex(VERSION_PATTERN, fullmatch=True),
)
def test_of_two_different_versions_one_is_newer(a: str, b: str) -> None:
    x, y = Version.parse(a), Version.parse(b)

    assert [x < y, x == y, x > y].count(True) == 1
    assert (x == y) == (a == b)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.0",
        "1.0.0.0",
        "v1.0.0",
        "01.0.0",
        "1.0.0-",
        "1.0.0-01",
        "1.0.0-a..b",
        "1.0.0-a.",
        "1.0.0+build",
        "1.0.0 ",
        "1.0.0\n",
        "1.1٣.0",
        "1.0.0-é",
        "1.0.0-" + "a" * 33,
        "1234567890.0.0",
        "-1.0.0",
    ],
)
def test_what_is_no_semantic_version_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a semantic version: write it like 1\.2\.0"):
        Version.parse(text)


@given(name=st.from_regex(NAME_PATTERN, fullmatch=True))
def test_a_name_means_nothing_special_in_topics_files_and_urls(name: str) -> None:
    assert checked_name(name, "device") == name
    assert re.search(r"[/\\+#$*>. :?%\s]", name) is None
    assert name.isascii()


@pytest.mark.parametrize(
    "name", ["", "-x", "a/b", "a.b", "a b", "+", "#", "ü", "x" * 65, "x\n", "..", "٣"]
)
def test_a_name_that_could_mean_something_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"device name .* is not allowed: use 1 to 64 letters"):
        checked_name(name, "device")
