"""Versions on trial, with a real broker: who answers when one fails."""

import itertools
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.agent import Agent
from edge_contract.errors import UsageError
from edge_contract.messages import Assignment, DesiredState, FleetTopics, Target, encode
from edge_contract.package import Package
from tests.edge_agent.conftest import MakeAgent
from tests.support.brokers import NatsBroker
from tests.support.links import Listener, wait_until
from tests.support.packages import binary, digits, touchy_digits, with_version


class Cloud:
    """Says what one device shall run."""

    def __init__(self, url: str, device: str) -> None:
        self.device = device
        self._topics = FleetTopics("lab").device(device)
        self._link = PahoFleetLink(
            FleetLinkOptions(
                url=url,
                client_id="cloud",
                will_topic=self._topics.collector_state,
                will_payload=b"gone",
                subscriptions=(),
            )
        )
        listener = Listener()
        self._link.start(listener)
        listener.wait_for("connected")

    def desire(self, assignment: Assignment) -> None:
        state = DesiredState(1, {"digits": assignment}, ":1/blobs")
        assert self._link.publish(self._topics.desired, encode(state), retain=True)

    def close(self) -> None:
        self._link.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsBroker]:
    broker = NatsBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


devices = itertools.count()  # the broker retains what each shall run


@pytest.fixture
def cloud(broker: NatsBroker) -> Iterator[Cloud]:
    with closing(Cloud(broker.url, f"cam-{next(devices)}")) as cloud:
        yield cloud


class TestTrials:
    @pytest.fixture
    def agent(self, make_agent: MakeAgent, broker: NatsBroker, cloud: Cloud) -> Agent:
        agent = make_agent(digits().package, cloud=broker.url, fleet="lab", device=cloud.device)
        agent.wait_ready()
        return agent

    def begin(self, cloud: Cloud, agent: Agent, package: Package) -> None:
        """Let a version that is on the device already serve on trial."""
        FolderPackages(agent.state / "packages").add(package)
        target = Target(package.manifest.version, package.digest, "r1", trial_calls=10_000)
        cloud.desire(Assignment(target))
        wait_until(lambda: agent.version == package.manifest.version)

    def test_calls_on_which_a_version_on_trial_fails_are_answered_by_the_good_one(
        self, agent: Agent, cloud: Cloud
    ) -> None:
        rows = digits().rows[:2].copy()
        rows[0, 0] = 100.0
        self.begin(cloud, agent, touchy_digits("1.1.0"))

        assert agent.predict(digits().rows[:2]).model == "digits@1.1.0"
        rescued = agent.predict(rows)

        assert rescued.model == "digits@1.0.0"
        assert len(rescued) == 2
        wait_until(lambda: agent.version == "1.0.0")
        with pytest.raises(UsageError):
            agent.predict([[1.0]])

    def test_a_version_on_trial_that_refuses_good_rows_has_failed(
        self, agent: Agent, cloud: Cloud
    ) -> None:
        other_inputs = with_version(binary().package, "1.2.0", name="digits")
        self.begin(cloud, agent, other_inputs)

        prediction = agent.predict(digits().rows[:1])

        assert prediction.model == "digits@1.0.0"
        wait_until(lambda: agent.version == "1.0.0")

    def test_rows_that_no_version_takes_fail_no_trial(self, agent: Agent, cloud: Cloud) -> None:
        self.begin(cloud, agent, digits("1.3.0").package)
        with pytest.raises(UsageError, match=r"digits@1\.0\.0' is float32\[batch, 64\]"):
            agent.predict([[1.0]])
        time.sleep(0.5)  # twice as long as the agent takes to look
        assert agent.version == "1.3.0"
