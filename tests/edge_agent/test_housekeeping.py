from pathlib import Path

import pytest

from edge_agent.housekeeping import BudgetedPackages, DiskBudget, GivesWay, Housekeeping
from edge_agent.prediction_log import PredictionLog
from edge_agent.resources import Vitals, folder_bytes, meter_here
from edge_agent.samples.store import SampleStore
from edge_contract.errors import UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits

MIB = 2**20


def keeping(folder: Path, most_bytes: int | None, *yielding: GivesWay) -> Housekeeping:
    return Housekeeping(Vitals(meter_here(), folder), DiskBudget(folder, most_bytes), yielding)


def test_logged_predictions_go_first_when_the_folder_is_too_large(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, 1.0)
    (tmp_path / "predictions.jsonl").write_bytes(bytes(MIB))
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "model.onnx").write_bytes(bytes(MIB))

    keeping(tmp_path, 3 * MIB, log).look()
    assert log.size_bytes() == MIB

    keeping(tmp_path, 3 * MIB // 2, log).look()
    log.close()

    assert log.size_bytes() == 0
    assert folder_bytes(tmp_path) == MIB


@pytest.mark.parametrize(
    ("budget_bytes", "left"),
    [
        (7 * MIB // 2, {"log": MIB, "samples": MIB}),
        (5 * MIB // 2, {"log": 0, "samples": MIB}),
        (3 * MIB // 2, {"log": 0, "samples": 0}),
    ],
)
def test_samples_go_when_logged_predictions_were_not_enough(
    tmp_path: Path, budget_bytes: int, left: dict[str, int]
) -> None:
    log = PredictionLog(tmp_path, 1.0)
    (tmp_path / "predictions.jsonl").write_bytes(bytes(MIB))
    samples = SampleStore(tmp_path / "samples", most_bytes=MIB, keep_s=60.0)
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "kept-0000000000000001.jsonl").write_bytes(bytes(MIB))
    (tmp_path / "model.onnx").write_bytes(bytes(MIB))

    keeping(tmp_path, budget_bytes, log, samples).look()
    log.close()

    assert {"log": log.size_bytes(), "samples": samples.size_bytes()} == left


def test_an_agent_lets_samples_give_way(make_agent: MakeAgent) -> None:
    with make_agent(digits().package, max_disk_mb=40, keep_samples="labelling") as agent:
        folder = agent.state / "samples"
        folder.mkdir(exist_ok=True)
        (folder / "kept-0000000000000001.jsonl").write_bytes(bytes(MIB))
        (agent.state / "left-behind").write_bytes(bytes(40 * MIB))

        agent._parts.housekeeping.look()

        assert list(folder.iterdir()) == []


def test_statistics_take_a_quarter_at_most(tmp_path: Path) -> None:
    assert DiskBudget(tmp_path, 8 * MIB).outbox_bytes(32_000_000) == 2 * MIB
    assert DiskBudget(tmp_path, 8 * MIB).outbox_bytes(1000) == 1000
    assert DiskBudget(tmp_path, None).outbox_bytes(32_000_000) == 32_000_000


def test_packages_have_the_room_that_is_left(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, 1.0)
    (tmp_path / "predictions.jsonl").write_bytes(bytes(MIB))
    (tmp_path / "agent.db").write_bytes(bytes(MIB))
    budget = DiskBudget(tmp_path, 4 * MIB)

    assert BudgetedPackages(tmp_path / "packages", budget).free_bytes() == 2 * MIB
    assert BudgetedPackages(tmp_path / "packages", budget, [log]).free_bytes() == 3 * MIB
    log.close()
    (tmp_path / "agent.db").write_bytes(bytes(5 * MIB))
    assert BudgetedPackages(tmp_path / "packages", budget).free_bytes() == 0
    endless = DiskBudget(tmp_path, None)
    assert BudgetedPackages(tmp_path / "packages", endless).free_bytes() > 4 * MIB


def test_a_budget_that_nothing_fits_into_is_refused(make_agent: MakeAgent) -> None:
    with pytest.raises(UsageError, match="the agent needs at least 1 MiB of disk, got 0 bytes"):
        make_agent(digits().package, max_disk_mb=0)


def test_what_the_agent_keeps_and_what_is_left_is_measured(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()
    (tmp_path / "packages" / "model.onnx").write_bytes(bytes(3 * MIB))
    keeper = keeping(tmp_path, None)

    found = keeper.look()

    assert found.disk_mb == 3.0
    assert found.disk_free_mb is not None
    assert found.disk_free_mb > 0
    assert keeper.look() is found  # not measured again at once


def test_the_status_of_an_agent_has_the_figures(make_agent: MakeAgent) -> None:
    with make_agent(digits().package, max_disk_mb=50) as agent:
        agent.predict(digits().rows[:1])
    text = (agent.state / "status.json").read_text()
    assert '"disk_mb": ' in text
    assert '"disk_mb": null' not in text
