"""Every benchmark runs, and its figures can be kept."""

import json
from pathlib import Path

import pytest

from benchmarks import all_benchmarks
from benchmarks.harness import BENCHMARKS, CAMPAIGNS, Run

TOO_LONG = {
    "arm",  # it makes a whole operating system
    "bytes",  # it waits for windows to pass; its meter has tests of its own
    "faults",  # a fleet lives for half a minute; a small one is in tests/edgefleet/simulation
    "fleet",  # a small one is simulated in tests/edgefleet/simulation
}


@pytest.mark.filterwarnings("ignore::UserWarning")  # small references are fine here
@pytest.mark.parametrize("name", sorted({*all_benchmarks.__all__} - TOO_LONG))
def test_a_quick_run_gives_positive_figures_that_can_be_kept(name: str, tmp_path: Path) -> None:
    run = Run.of(name, quick=True, seed=3)

    path = run.save(tmp_path)

    kept = json.loads(path.read_text())
    assert kept["name"] == name
    assert kept["figures"]
    measured = [figure for figure in kept["figures"] if figure["value"] is not None]
    assert measured
    assert all(figure["value"] >= 0 for figure in measured)
    assert all(figure["peer"] for figure in kept["figures"] if figure["value"] is None)


def test_every_benchmark_is_imported() -> None:
    assert sorted([*BENCHMARKS, *CAMPAIGNS]) == sorted(all_benchmarks.__all__)
