"""Some stories of the campaign of faults; `python -m benchmarks faults` tells all of them."""

from pathlib import Path

import pytest

import tests.support.faults.all_stories  # noqa: F401  lists them
from tests.support.faults.trouble import can_make_trouble
from tests.support.faults.world import tell

pytestmark = pytest.mark.skipif(
    not can_make_trouble(), reason="needs Linux, root, unshare, nft, mount and a C compiler"
)


@pytest.mark.parametrize("story", ["disk of the cloud full", "page of a device's database damaged"])
def test_whatever_breaks_every_row_is_merged_once_and_people_are_told(
    packages: dict[str, Path], story: str
) -> None:
    told = tell(story, packages, seed=1)

    assert told.wrong == []
    assert told.faults == [story]
    assert told.merged == told.observed > 20
