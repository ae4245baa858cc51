import pytest

from cloud_sync.core.analysis.calibration import calibrated
from edge_contract.package import Calibration
from edge_contract.stats import BINS, ProbabilitiesSpec


def test_many_labels_outweigh_what_the_model_says() -> None:
    spec = ProbabilitiesSpec.for_classes(2)
    rows = tuple(tuple(10_000 for _ in range(BINS)) for _ in range(2))
    correct = tuple(tuple(7_000 for _ in range(BINS)) for _ in range(2))

    curves = calibrated(spec, Calibration(rows, correct))

    assert all(p == pytest.approx(0.7, abs=0.01) for curve in curves.right for p in curve)
