"""Which of two measured numbers is the better one."""

import pytest

from edge_contract.package.metrics import gain_over


@pytest.mark.parametrize(
    ("metric", "baseline", "measured", "gain"),
    [
        ("f1", 0.5, 0.75, 0.25),
        ("mae", 0.5, 0.75, -0.25),
        ("calibration_error", 0.5, 0.25, 0.25),
        ("bias", -0.75, 0.5, 0.25),
        ("bias", 0.25, -0.5, -0.25),
    ],
)
def test_a_gain_is_above_0_where_the_model_is_better(
    metric: str, baseline: float, measured: float, gain: float
) -> None:
    assert gain_over(metric, baseline, measured) == gain
