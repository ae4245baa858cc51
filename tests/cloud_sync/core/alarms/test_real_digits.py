"""A small reference of real data: another sample of the same population must not alarm."""

import random
from collections import Counter

import pytest
from sklearn.datasets import load_digits

from cloud_sync.core.alarms.budget import MONTH_S, AlarmBudget
from cloud_sync.core.alarms.watch import Watch, ground_of
from edge_contract.stats import Sketch, SketchSpec

ROWS = 500
PIXELS = 64
SPEC = SketchSpec(integer=True)
WINDOWS = 25
WINDOW_ROWS = 4000


def sketch_of(values: Counter[float]) -> Sketch:
    statistic = SPEC.empty()
    for value, count in values.items():
        if value == 0.0:
            statistic.zero += count
        else:
            code = SPEC.code_of(value)
            statistic.counts[code] = statistic.counts.get(code, 0) + count
    return statistic


def images(seed: int) -> tuple[list[list[float]], list[list[float]]]:
    """Two samples of 500 images that have none in common."""
    pixels = load_digits().data.tolist()
    random.Random(seed).shuffle(pixels)
    return pixels[:ROWS], pixels[ROWS : 2 * ROWS]


def alarmed(reference: list[list[float]], live: list[list[float]], *, seed: int) -> set[int]:
    """Pixels that alarm while 100,000 images are drawn from ``live``, with replacement."""
    rng = random.Random(seed)
    budget = AlarmBudget(per_month=1.0)
    months = 60.0 / MONTH_S
    granted = budget.gradual(PIXELS + 1) * months
    level = budget.abrupt(PIXELS + 1) * months
    watches = [
        Watch(ground_of(sketch_of(Counter(row[pixel] for row in reference))), inflation=1.0)
        for pixel in range(PIXELS)
    ]
    found: set[int] = set()
    for _ in range(WINDOWS):
        drawn = Counter(rng.choices(range(len(live)), k=WINDOW_ROWS))
        for pixel, watch in enumerate(watches):
            values: Counter[float] = Counter()
            for index, count in drawn.items():
                values[live[index][pixel]] += count
            reading = watch.observe(sketch_of(values), granted=granted, level=level)
            if reading.abrupt >= 1.0 or watch.statistic() >= 0.0:
                found.add(pixel)
    return found


@pytest.mark.parametrize("seed", [1, 2])
def test_another_half_of_the_digits_does_not_alarm(seed: int) -> None:
    reference, live = images(seed)

    assert alarmed(reference, live, seed=seed) == set()


def test_a_quarter_of_darker_images_does() -> None:
    reference, live = images(3)
    darker = [[value // 2 for value in row] if n % 4 == 0 else row for n, row in enumerate(live)]

    assert len(alarmed(reference, darker, seed=3)) >= 5
