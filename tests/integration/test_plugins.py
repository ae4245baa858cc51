"""A plugin's statistic from a device through a real broker and collector into the API."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from converters.base import ConversionWarning
from edge_contract.stats import SPECS
from edgefleet.converting import convert
from tests.edge_agent.conftest import MakeAgent, make_agent  # noqa: F401  a fixture
from tests.integration.processes import CloudProcess, eventually
from tests.support.composed import fitted, raw_rows
from tests.support.plugins import install_plugins


@pytest.fixture
def plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Installs the plugins here and in every process that is started."""
    folder = str(install_plugins(tmp_path / "site"))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder)
    known = dict(SPECS)
    yield
    SPECS.clear()
    SPECS.update(known)


@pytest.mark.usefixtures("plugins")
def test_a_statistic_of_ones_own_is_merged_over_devices_and_shown(
    tmp_path: Path,
    make_agent: MakeAgent,  # noqa: F811
) -> None:
    rows = raw_rows(200)
    model, truths = fitted(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConversionWarning)  # so few rows are enough for a test
        package = convert(
            model,
            (rows[:, ::2] + rows[:, 1::2]) / 2,
            truths,
            name="gate",
            version="1.0.0",
            statistics=["x0=largest"],
            robustness=False,
        )
    with CloudProcess(tmp_path) as cloud:
        cloud.client.push(package)
        for number in (1, 2):
            agent = make_agent(
                "gate",
                cloud=cloud.broker_url,
                device=f"cam-{number}",
                folder=f"cam-{number}",
                interval_s=0.5,
            )
            agent.wait_ready()
            table = np.zeros((3, 4), np.float32)
            table[:, 0] = [number, number + 0.5, -1.0]
            agent.predict(table)
            agent.close()
        eventually("all rows are merged", lambda: cloud.client.summary().rows_merged == 6)

        (view,) = cloud.client.statistics("gate", "1.0.0").custom

    assert (view.subject, view.kind) == ("feature:x0", "largest")
    assert view.live == {"count": 6, "largest": [2.5, 2.0, 1.5]}
    assert view.reference["count"] == 200
