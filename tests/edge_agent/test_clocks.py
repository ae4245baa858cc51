"""A device whose clock is wrong serves, and its statistics survive until the clock is right."""

import pytest

from tests.edge_agent.conftest import MakeAgent
from tests.support.packages import digits


@pytest.mark.parametrize("at_unix_s", [-1e6, 0.0, 4.2e9, 1e10])
def test_what_was_counted_by_a_wrong_clock_is_read_by_a_right_one(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch, at_unix_s: float
) -> None:
    with monkeypatch.context() as wrong:
        wrong.setattr("time.time", lambda: at_unix_s)
        with make_agent(digits().package) as agent:
            prediction = agent.predict(digits().rows[:3])
    assert prediction.labels is not None

    later = make_agent(digits().package)

    assert later.wait_ready() == "1.0.0"
    assert later.waiting_batches() == 1
    assert later.rows_observed() == 3


def test_a_clock_that_jumps_back_costs_no_row(
    make_agent: MakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_800_000_000.0]
    with monkeypatch.context() as jumping:
        jumping.setattr("time.time", lambda: clock[0])
        with make_agent(digits().package) as agent:
            agent.predict(digits().rows[:3])
            clock[0] -= 30 * 86_400
            agent.predict(digits().rows[:2])
    assert make_agent(digits().package).rows_observed() == 5
