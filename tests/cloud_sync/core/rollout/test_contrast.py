import math
import random

from cloud_sync.core.rollout.gates.base import Verdict
from cloud_sync.core.rollout.gates.contrast import Contrast, Measured, contrast


def judged(
    candidate: float,
    control: float,
    *,
    rows: int = 1000,
    before: tuple[float, float] | None = None,
    fixed_error: float = 0.0,
) -> Contrast:
    error = 0.3 / math.sqrt(rows)
    past = None if before is None else tuple(Measured(b, error, rows) for b in before)
    return contrast(
        Measured(candidate, error, rows),
        Measured(control, error, rows),
        None if past is None else (past[0], past[1]),
        margin=0.05,
        alpha=0.001,
        beta=0.05,
        min_rows=200,
        fixed_error=fixed_error,
    )


def test_much_worse_fails_and_equal_passes() -> None:
    assert judged(0.1, 0.95).verdict is Verdict.FAIL
    assert judged(0.95, 0.95, rows=4000).verdict is Verdict.PASS
    assert judged(0.99, 0.9).verdict is Verdict.PASS


def test_what_is_close_to_the_margin_is_not_decided() -> None:
    assert judged(0.9, 0.95).verdict is Verdict.INCONCLUSIVE
    assert judged(0.95, 0.95, rows=250).verdict is Verdict.INCONCLUSIVE


def test_below_the_fewest_rows_nothing_is_decided() -> None:
    assert judged(0.1, 0.95, rows=199).verdict is Verdict.INCONCLUSIVE
    assert judged(0.1, 0.95, rows=200).verdict is Verdict.FAIL


def test_devices_that_were_always_worse_are_no_loss() -> None:
    assert judged(0.7, 0.95, rows=9000, before=(0.7, 0.95)).verdict is Verdict.PASS
    assert judged(0.5, 0.95, rows=9000, before=(0.7, 0.95)).verdict is Verdict.FAIL


def test_a_change_of_all_devices_is_no_loss() -> None:
    assert judged(0.75, 0.75, rows=9000, before=(0.95, 0.95)).verdict is Verdict.PASS


def test_what_labels_leave_open_no_number_of_rows_closes() -> None:
    assert judged(0.95, 0.95, rows=10**6, fixed_error=0.04).verdict is Verdict.INCONCLUSIVE
    assert judged(0.95, 0.95, rows=10**6, fixed_error=0.01).verdict is Verdict.PASS


def test_an_equal_candidate_fails_at_any_look_no_more_often_than_alpha() -> None:
    rng = random.Random(11)
    failed = 0
    for _ in range(300):
        sums = [0.0, 0.0]
        for look in range(1, 31):
            for side in (0, 1):
                sums[side] += sum(rng.gauss(0.9, 0.3) for _ in range(20))
            rows = 20 * look
            error = 0.3 / math.sqrt(rows)
            mine, other = (Measured(total / rows, error, rows) for total in sums)
            found = contrast(mine, other, None, margin=1e-9, alpha=0.05, beta=0.05, min_rows=100)
            if found.verdict is Verdict.FAIL:
                failed += 1
                break

    assert failed <= 300 * 0.05
