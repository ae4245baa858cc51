"""A source of packages is made when it is needed, once."""

from pathlib import Path

import pytest

from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.later_source import LaterSource
from edge_agent.ports import PackageStore
from edge_contract.errors import UnavailableError
from edge_contract.messages import Downloads


class Source:
    """Fetches nothing, until it is closed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_closed = False

    def fetch(self, digest: str, url: str, store: PackageStore) -> None:
        """Note what is wanted."""
        if self.is_closed:
            raise UnavailableError("closed")
        self.asked.append(digest)

    def spent(self) -> Downloads:
        """Something."""
        return Downloads(whole_bytes=5)

    def close(self) -> None:
        """Refuse from now on."""
        self.is_closed = True


def test_it_is_made_at_the_first_fetch_and_once(tmp_path: Path) -> None:
    made: list[Source] = []

    def make() -> Source:
        made.append(Source())
        return made[-1]

    source = LaterSource(make)
    assert source.spent() == Downloads()
    assert made == []

    for digest in ("a", "b"):
        source.fetch(digest, "", FolderPackages(tmp_path))

    assert [each.asked for each in made] == [["a", "b"]]
    assert source.spent() == Downloads(whole_bytes=5)
    source.close()
    assert made[0].is_closed


def test_what_is_fetched_after_the_end_is_refused(tmp_path: Path) -> None:
    source = LaterSource(Source)
    source.close()
    with pytest.raises(UnavailableError):
        source.fetch("a", "", FolderPackages(tmp_path))
