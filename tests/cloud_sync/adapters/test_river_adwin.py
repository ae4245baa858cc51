"""ADWIN of river: with the library it finds changes, without it the error says what to install."""

import random
import sys
from collections.abc import Iterator

import pytest

from cloud_sync.adapters.river_adwin import RiverAdwin, register_if_installed
from cloud_sync.core.alarms.kinds import KINDS
from edge_contract.errors import UsageError


@pytest.fixture(autouse=True)
def _kinds() -> Iterator[None]:
    """Kinds of detectors are listed for the whole process: leave them as they were."""
    before = list(KINDS)
    KINDS[:] = [kind for kind in before if kind.name != "change"]
    yield
    KINDS[:] = before


def test_a_rising_error_rate_is_found_and_a_steady_one_is_not() -> None:
    rng = random.Random(1)
    adwin = RiverAdwin(1e-5)
    steady = [adwin.update(float(rng.random() < 0.05)) for _ in range(20_000)]

    risen = [adwin.update(float(rng.random() < 0.15)) for _ in range(5000)]

    assert not any(steady)
    assert any(risen)
    assert adwin.mean == pytest.approx(0.15, abs=0.05)


def test_the_kind_is_listed_once_where_the_library_is_there() -> None:
    assert register_if_installed()
    assert register_if_installed()

    assert [kind.name for kind in KINDS].count("change") == 1


def test_without_the_library_the_kind_is_not_listed_and_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "river", None)
    monkeypatch.setitem(sys.modules, "river.drift", None)

    assert not register_if_installed()
    assert "change" not in {kind.name for kind in KINDS}
    with pytest.raises(UsageError, match=r"pip install 'edgefleet\[drift\]'"):
        RiverAdwin(1e-5)
