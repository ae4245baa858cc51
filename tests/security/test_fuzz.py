"""Damaged input is refused in words, soon and in little memory, whatever reads it."""

import pytest

from tests.support.fuzz_targets import targets
from tests.support.fuzzing import MOST_S, Target, fuzzed

RUNS = {"API bodies": 120, "package": 80, "model": 150}
NAMES = (
    "codec",
    "telemetry",
    "desired state",
    "manifest",
    "package",
    "model",
    "join token",
    "API bodies",
)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return {target.name: target for target in targets(tmp_path_factory.mktemp("fuzz"))}


@pytest.mark.parametrize("name", NAMES)
def test_nothing_crashes_hangs_or_grows(every: dict[str, Target], name: str) -> None:
    target = every[name]
    for seed in target.seeds:
        if name != "API bodies":
            target.read(seed)

    found = fuzzed(target, seed=7, runs=RUNS.get(name, 500))

    assert found.crashes == []
    assert found.slowest_s < MOST_S
    assert found.grown_mb < 300
    assert found.shapes > 3, "it damages so that nothing is read at all"


def test_every_target_is_tried(every: dict[str, Target]) -> None:
    assert tuple(every) == NAMES


def test_a_crash_is_found() -> None:
    def read(data: bytes) -> None:
        if b"\xff" in data:
            raise KeyError("oops")

    target = Target("broken", [b"abc"], read, lambda data, rng: data + rng.randbytes(3))

    found = fuzzed(target, seed=1, runs=2_000)

    assert found.crashes
    assert found.crashes[0][1] == "KeyError: 'oops'"
