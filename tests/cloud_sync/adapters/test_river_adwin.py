"""ADWIN of river: with the library it finds changes, without it the error says what to install."""

import importlib.util
import random

import pytest

from cloud_sync.adapters.river_adwin import RiverAdwin, register_if_installed
from cloud_sync.core.alarms.kinds import KINDS
from edge_contract.errors import UsageError

has_river = importlib.util.find_spec("river") is not None


@pytest.mark.skipif(not has_river, reason="river is not installed")
def test_a_rising_error_rate_is_found_and_a_steady_one_is_not() -> None:
    rng = random.Random(1)
    adwin = RiverAdwin(1e-5)
    steady = [adwin.update(float(rng.random() < 0.05)) for _ in range(20_000)]

    risen = [adwin.update(float(rng.random() < 0.15)) for _ in range(5000)]

    assert not any(steady)
    assert any(risen)
    assert adwin.mean == pytest.approx(0.15, abs=0.05)


@pytest.mark.skipif(has_river, reason="river is installed")
def test_without_the_library_the_error_says_what_to_install() -> None:
    with pytest.raises(UsageError, match=r"pip install 'edgefleet\[drift\]'"):
        RiverAdwin(1e-5)


def test_the_kind_is_listed_only_if_the_library_is_there() -> None:
    before = list(KINDS)
    try:
        assert register_if_installed() is has_river
        assert ("change" in {kind.name for kind in KINDS}) is has_river
    finally:
        KINDS[:] = before
