import json
import stat
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from edge_agent.prediction_log import PredictionLog
from edge_contract.errors import UsageError
from tests.edge_agent.conftest import MakeAgent
from tests.support.disks import files_of_at_most
from tests.support.packages import digits, mixed


def logged(state: Path) -> list[dict[str, object]]:
    text = (state / "predictions.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_nothing_is_logged_unless_asked_for(make_agent: MakeAgent) -> None:
    with make_agent(digits().package) as agent:
        agent.predict(digits().rows[:1])
    assert not list(agent.state.glob("predictions*"))


def test_a_call_is_logged_with_its_rows_answers_and_id(make_agent: MakeAgent) -> None:
    frame = mixed().rows.head(2)
    with make_agent(mixed().package, log_predictions=1.0) as agent:
        prediction = agent.predict(frame)
        agent.predict({"age": [30], "income": [1.5], "city": ["oslo"]})
        agent.predict([[30, 1.5, "oslo"]])

    first, second, third = logged(agent.state)
    assert prediction.labels is not None
    assert first["id"] == prediction.id
    assert first["model"] == "customers@1.0.0"
    assert first["count"] == 2
    assert first["labels"] == prediction.labels.tolist()
    rows = first["rows"]
    assert isinstance(rows, dict)
    assert rows["city"] == frame["city"].tolist()
    assert second["rows"] == {"age": [30], "income": [1.5], "city": ["oslo"]}
    assert third["rows"] == [[30, 1.5, "oslo"]]
    mode = (agent.state / "predictions.jsonl").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_a_share_of_the_calls_is_logged_and_many_rows_are_cut(make_agent: MakeAgent) -> None:
    with make_agent(digits().package, log_predictions=0.1) as agent:
        for _ in range(50):
            agent.predict(digits().rows[:30])
    found = logged(agent.state)
    assert len(found) == 5
    assert {one["count"] for one in found} == {30}
    assert {len(one["rows"]) for one in found} == {20}  # type: ignore[arg-type]


def test_the_files_stay_within_their_bound(make_agent: MakeAgent, tmp_path: Path) -> None:
    with make_agent(digits().package) as agent:
        prediction = agent.predict(digits().rows[:1])
    log = PredictionLog(tmp_path, 1.0, most_bytes=20_000)
    for _ in range(200):
        log.offer(digits().rows[:1], prediction)
    log.close()
    assert 5_000 < log.size_bytes() <= 20_000
    names = {path.name for path in tmp_path.glob("predictions*")}
    assert names == {"predictions.jsonl", "predictions.jsonl.1"}

    log.clear()
    assert log.size_bytes() == 0


def test_many_threads_may_predict_at_once(make_agent: MakeAgent) -> None:
    with make_agent(digits().package, log_predictions=1.0) as agent:
        agent.wait_ready()

        def work() -> None:
            for _ in range(20):
                agent.predict(digits().rows[:1])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 1 <= len(logged(agent.state)) <= 80


def test_a_full_disk_costs_lines_and_no_answers(
    make_agent: MakeAgent, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with make_agent(digits().package) as agent:
        prediction = agent.predict(digits().rows[:1])
    log = PredictionLog(tmp_path, 1.0)
    with files_of_at_most(100):
        log.offer(digits().rows[:1], prediction)
        log.offer(digits().rows[:1], prediction)
        log.close()
    assert caplog.text.count("cannot log predictions into") == 1


def test_rows_that_are_no_json_are_logged_as_texts(make_agent: MakeAgent) -> None:
    day = pd.Timestamp("2026-01-02")
    rows = pd.DataFrame({"age": [30], "income": [np.float32(1.5)], "city": ["oslo"], "day": [day]})
    with make_agent(mixed().package, log_predictions=1.0) as agent:
        agent.predict(rows)
    (line,) = logged(agent.state)
    assert line["rows"] == {"age": [30], "income": [1.5], "city": ["oslo"], "day": [str(day)]}


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_that_is_none_is_refused(make_agent: MakeAgent, share: float) -> None:
    with pytest.raises(UsageError, match="share of logged predictions must be from 0 to 1"):
        make_agent(digits().package, log_predictions=share)
