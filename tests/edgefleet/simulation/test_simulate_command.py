"""``edgefleet simulate``: a small fleet over real sockets, and how mistakes are told."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud_sync.config import CloudConfig
from cloud_sync.service import CloudService
from edge_contract.package import Package
from edgefleet.__main__ import main
from edgefleet.client import Cloud
from edgefleet.simulation.crowd import BrokerAccess
from edgefleet.simulation.scenario import ClockSkew, OrderedCommand, Scenario, Selection
from edgefleet.simulation.simulation import Simulation, SimulationOptions
from tests.edgefleet.conftest import Outcome

SCENARIO = """
[fleet]
devices = 12
minutes = 0.12
interval_s = 1.0
rows_per_s = 20.0
features = 3
connect_over_s = 0.2

[[flapping]]
share = 0.3
up_s = 1.0
down_s = 0.2

[[restart]]
at_s = 4.0
share = 0.5

[[command]]
at_s = 1.0

[[rollout]]
at_s = 1.0
version = "2.0.0"
strategy = "all-at-once"
settings = { bake_s = 0.5, min_rows = 1, trial_calls = 1 }
"""


@pytest.fixture
def simulate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Calls the command in this process, which puts its signal handlers back."""
    monkeypatch.setattr("signal.signal", lambda _number, _handler: None)

    def call(*words: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["edgefleet", "simulate", *words])
        try:
            main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code
        assert isinstance(code, int)
        return Outcome(code, *capsys.readouterr())

    return call


def test_a_fleet_with_bad_links_and_killed_agents_loses_no_row(
    simulate: Callable[..., Outcome], tmp_path: Path
) -> None:
    file = tmp_path / "bad-links.toml"
    file.write_text(SCENARIO)

    ended = simulate("--scenario", str(file), "--json", "--seed", "3")

    told = json.loads(ended.out)
    assert ended.code == 0, ended.err
    assert told["rows_observed"] == told["rows_merged"] > 500
    assert told["batches_unacknowledged"] == 0
    assert told["connections_lost"] > 0
    assert told["restarts"] > 0
    assert told["rollouts"][0]["devices_reported"] == 12
    assert told["commands"][0]["all_after_s"] < 5.0
    assert "every row that was observed was merged once" in ended.err


def test_a_cloud_that_is_there_is_used_and_whoever_stops_it_early_loses_nothing(
    package: Package, tmp_path: Path
) -> None:
    config = CloudConfig(data=tmp_path / "data", http_port=0, mqtt_port=0, interval_s=1.0)
    scenario = Scenario(
        devices=6,
        minutes=5.0,
        interval_s=1.0,
        rows_per_s=20.0,
        clocks=(ClockSkew(Selection("ahead", sites=("oslo",)), 86_400.0),),
        commands=(OrderedCommand(1.0, "ping", {}),),
    )
    leaving = threading.Event()
    with CloudService(config) as service, Cloud(service.url) as cloud:
        cloud.push(package)
        options = SimulationOptions(
            cloud=service.url,
            access=BrokerAccess(service.broker_url),
            prefix="test-",
            waits_for_all=True,
        )
        simulation = Simulation(
            scenario,
            options,
            on_glance=lambda glance: leaving.set() if glance.tally.acked_batches > 24 else None,
            leaving=leaving,
        )

        outcome = simulation.run()

        names = [device.name for device in cloud.devices()]
    assert outcome.was_stopped
    assert outcome.losses == []
    assert outcome.problems == []
    (ping,) = outcome.commands
    assert (ping.counts["done"], ping.counts["failed"], ping.silent) == (4, 2, [])
    assert ping.refusals == {"expired before it arrived": 2}
    assert outcome.observed_rows == outcome.merged_rows > 100
    assert names == [f"test-0000{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--cloud", "http://127.0.0.1:1"], "needs both --cloud for its API and --broker"),
        (["--broker", "mqtt://127.0.0.1:1"], "needs both --cloud for its API and --broker"),
        (["--scenario", "none.toml"], "cannot read 'none.toml'"),
        (["--minutes", "0"], "above 0 minutes"),
        (["--broker-password", "x"], "without --broker-username"),
        (["--prefix", "a b"], "'a b00000'"),
        (["--cloud", "http://x", "--broker", "mqtt://x", "--store", "postgresql://x"], "--store"),
        (["--cloud", "http://127.0.0.1:1", "--broker", "nonsense"], "nonsense"),
    ],
)
def test_mistakes_are_told_in_one_line(
    simulate: Callable[..., Outcome], words: list[str], complaint: str
) -> None:
    ended = simulate(*words)

    assert ended.code == 2
    assert complaint in ended.err
    assert "Traceback" not in ended.err


def test_a_cloud_without_the_model_is_told_what_it_has(
    simulate: Callable[..., Outcome], cloud: Cloud
) -> None:
    ended = simulate("--cloud", cloud.url, "--broker", "mqtt://127.0.0.1:1")

    assert ended.code == 2
    assert "has no model 'simulated'; it has none: name one of them as model in [fleet]" in (
        ended.err.replace("\n", " ")
    )
