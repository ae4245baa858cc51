import json
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud_sync.core.alarms import AlarmBudget, Finding
from cloud_sync.core.alarms.change import ErrorChangeDetector, error_numbers
from edge_contract.errors import MessageError, UsageError
from edge_contract.package import Role
from edge_contract.stats import Profile
from tests.support.behaviours import CLASSES, FRAGILE, package_of

PACKAGE = package_of(FRAGILE, "1.0.0", rows=50)
BUDGET = AlarmBudget(per_month=1.0)
MINUTE_S = 60.0


class HalfAgainstHalf:
    """Compares the earlier with the later half of all numbers, by Hoeffding's inequality."""

    def __init__(self, level: float) -> None:
        self.level = level
        self.numbers: list[float] = []

    @property
    def mean(self) -> float:
        return sum(self.numbers) / max(len(self.numbers), 1)

    def update(self, value: float) -> bool:
        self.numbers.append(value)
        half = len(self.numbers) // 2
        if half < 32:
            return False
        earlier, later = self.numbers[:half], self.numbers[half:]
        gap = abs(sum(earlier) / len(earlier) - sum(later) / len(later))
        if gap < 0.12:
            return False
        self.numbers = later[half // 2 :]
        return True


def labelled(rng: random.Random, *, rows: int, error: float) -> Profile:
    profile = PACKAGE.specs[Role.LABELS].empty()
    for _ in range(rows):
        truth = rng.randrange(CLASSES)
        predicted = (truth + (rng.random() < error)) % CLASSES
        profile.observe(0, (float(predicted), float(truth), 0.9))
    return profile


def detector(state: "dict[str, object] | None" = None) -> ErrorChangeDetector:
    kept = None if state is None else json.loads(json.dumps(state, allow_nan=False))
    return ErrorChangeDetector(PACKAGE, BUDGET, kept, make=HalfAgainstHalf)


def feed(
    detector: ErrorChangeDetector, portions: list[Profile], *, from_s: float = 0.0
) -> list[tuple[int, Finding]]:
    return [
        (number, finding)
        for number, portion in enumerate(portions, 1)
        for finding in detector.observe(portion, from_s + number * MINUTE_S)
    ]


def test_an_error_rate_that_rises_is_raised_once_with_both_rates() -> None:
    rng = random.Random(1)
    found = feed(
        detector(),
        [labelled(rng, rows=64, error=0.05) for _ in range(20)]
        + [labelled(rng, rows=64, error=0.5) for _ in range(30)],
    )

    ((number, finding),) = found
    assert 20 < number <= 40
    assert (finding.kind, finding.test, finding.subject) == ("change", "adwin", "labels")
    assert finding.text.startswith("is wrong in ")
    assert "(before that " in finding.text


def test_an_error_rate_that_falls_or_stays_raises_nothing() -> None:
    rng = random.Random(2)
    rates = [0.5] * 20 + [0.05] * 20

    assert feed(detector(), [labelled(rng, rows=64, error=rate) for rate in rates]) == []


def test_a_restart_goes_on_where_it_was() -> None:
    rng = random.Random(3)
    rates = [0.05] * 20 + [0.5] * 20
    portions = [labelled(rng, rows=64, error=rate) for rate in rates]
    whole = feed(detector(), portions)

    restarted, found = detector(), []
    for number, portion in enumerate(portions, 1):
        restarted = ErrorChangeDetector(
            PACKAGE, BUDGET, json.loads(json.dumps(restarted.to_state())), make=HalfAgainstHalf
        )
        found += [(number, one) for one in restarted.observe(portion, number * MINUTE_S)]

    assert [number for number, _ in found] == [number for number, _ in whole]
    assert len(whole) == 1


def test_few_labels_and_quick_looks_wait_for_the_next_step() -> None:
    rng = random.Random(4)
    waiting = detector()

    assert feed(waiting, [labelled(rng, rows=5, error=0.5) for _ in range(5)]) == []
    assert waiting.readings() == {}
    assert waiting.to_state()["labels"] == 25


def test_a_rearmed_detector_begins_anew() -> None:
    rng = random.Random(5)
    watching = detector()
    rates = [0.05] * 20 + [0.5] * 20
    assert feed(watching, [labelled(rng, rows=64, error=rate) for rate in rates])
    assert watching.drifted() == {"labels"}

    watching.rearm()

    assert watching.drifted() == frozenset()
    assert watching.evidence() == {"labels": 0.0}


def test_counts_of_another_role_and_states_that_are_none_are_refused() -> None:
    with pytest.raises(UsageError, match=r"not of gate@1\.0\.0 in the labels role"):
        detector().observe(PACKAGE.specs[Role.PRIMARY].empty(), 1.0)
    with pytest.raises(MessageError, match=r"error change detector\.standing is missing"):
        ErrorChangeDetector(PACKAGE, BUDGET, {}, make=HalfAgainstHalf)


@given(
    labels=st.integers(1, 5000), share=st.fractions(min_value=0, max_value=1, max_denominator=5000)
)
def test_numbers_that_stand_for_labels_lie_from_0_to_1_and_keep_the_error_rate(
    labels: int, share: Fraction
) -> None:
    wrong = round(share * labels)

    values = error_numbers(wrong, labels)

    assert 1 <= len(values) <= labels
    assert all(0.0 <= value <= 1.0 for value in values)
    assert sum(values) / len(values) == pytest.approx(wrong / labels)
