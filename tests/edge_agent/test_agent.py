"""The agent as applications use it, on this machine; brokers and processes are real."""

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from cloud_sync.adapters.paho_fleet_link import FleetLinkOptions, PahoFleetLink
from edge_agent.adapters.folder_packages import FolderPackages
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_agent.config import ring_folder
from edge_contract.errors import PackageError, UnavailableError, UsageError
from edge_contract.messages import (
    Assignment,
    Counters,
    DesiredState,
    FleetTopics,
    Target,
    WindowEntry,
    encode,
)
from edge_contract.package import Package
from tests.edge_agent.conftest import MakeAgent
from tests.support.brokers import NatsBroker
from tests.support.disks import files_of_at_most
from tests.support.links import Listener, wait_until
from tests.support.packages import (
    binary,
    digits,
    mixed,
    regression,
    touchy_digits,
    with_version,
    words,
)

NO_BROKER = "mqtt://127.0.0.1:1"


def entries_in(state: Path) -> list[WindowEntry]:
    """What an agent that has left counted and nobody has acknowledged."""
    with closing(SqliteBatchStore(state / "agent.db", wait_s=0.0)) as store:
        return [entry for batch in store.batches() for entry in batch.entries]


def total(entries: list[WindowEntry], role: str = "primary") -> Counters:
    sums = Counters()
    for entry in entries:
        if entry.role == role:
            sums = sums.plus(entry.counters)
    return sums


class TestPredicting:
    @pytest.mark.parametrize("kind", ["path", "text", "package"])
    def test_a_package_predicts_without_any_cloud(
        self, make_agent: MakeAgent, tmp_path: Path, kind: str
    ) -> None:
        example = digits()
        path = tmp_path / "digits.modelpkg"
        path.write_bytes(example.package.to_archive())
        given = {"path": path, "text": str(path), "package": example.package}[kind]

        prediction = make_agent(given).predict(example.rows[:10])

        assert prediction.labels is not None
        assert prediction.labels.tolist() == example.labels[:10].tolist()
        assert prediction.model == "digits@1.0.0"
        assert prediction.digest == example.package.digest

    def test_every_kind_of_model_answers_as_its_author_saw_it(self, make_agent: MakeAgent) -> None:
        table = mixed()
        customers = make_agent(table.package, folder="customers")
        answer = customers.predict(table.rows.head(20)).labels
        assert answer is not None
        assert answer.tolist() == table.labels[:20].tolist()
        for example in (binary(), words()):
            agent = make_agent(example.package, folder=example.package.manifest.name)
            answer = agent.predict(example.rows[:20]).labels
            assert answer is not None
            assert answer.tolist() == example.labels[:20].tolist()
        sums = make_agent(regression().package, folder="sums")
        values = sums.predict([[1.0, 2.0]]).values
        assert values is not None
        assert values.tolist() == pytest.approx([3.0])

    def test_a_wrong_row_is_told_and_the_next_one_is_answered(self, make_agent: MakeAgent) -> None:
        agent = make_agent(digits().package)
        with pytest.raises(
            UsageError, match=r"'digits@1\.0\.0' is float32\[batch, 64\], got int64"
        ):
            agent.predict([[1, 2, 3]])
        assert len(agent.predict(digits().rows[:2])) == 2
        assert agent.rows_observed() == 2

    def test_a_call_of_more_rows_than_the_ring_holds_is_observed_whole(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        rows = np.resize(digits().rows, (20_000, 64))

        assert len(agent.predict(rows)) == 20_000
        agent.close()

        counted = total(entries_in(agent.state))
        assert counted == Counters(rows=20_000, calls=1)

    def test_many_threads_predict_at_once_and_every_row_is_in_one_batch(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package, interval_s=0.1)
        agent.wait_ready()

        def work(worker: int) -> None:
            rows = digits().rows[worker : worker + 3]
            for _ in range(150):
                labels = agent.predict(rows).labels
                assert labels is not None
                assert labels.tolist() == digits().labels[worker : worker + 3].tolist()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        observed = agent.rows_observed()
        agent.close()

        assert observed == 3600
        assert total(entries_in(agent.state)) == Counters(rows=3600, calls=1200)

    def test_devices_in_one_process_do_not_mix(self, make_agent: MakeAgent) -> None:
        east = make_agent(digits().package, folder="east", device="east")
        west = make_agent(digits().package, folder="west", device="west")
        east.predict(digits().rows[:2])
        west.predict(digits().rows[:5])
        east.close()

        assert west.predict(digits().rows[:1]).labels is not None
        assert (total(entries_in(east.state)).rows, west.rows_observed()) == (2, 6)


class TestLabels:
    def test_a_truth_is_counted_once(self, make_agent: MakeAgent) -> None:
        agent = make_agent(words().package)
        call = agent.predict(words().rows[:3])

        assert agent.label(call.ids[1], "oak") == 1
        assert agent.label(call.ids[1], "oak") == 0
        assert agent.label(call.id, ["ash", "elm", "oak"]) == 2
        agent.close()

        assert total(entries_in(agent.state), "labels") == Counters(rows=3)

    def test_a_truth_may_come_after_a_restart(self, make_agent: MakeAgent) -> None:
        first_life = make_agent(regression().package)
        name = first_life.predict([[1.0, 2.0]]).id
        first_life.close()

        second_life = make_agent(regression().package)
        assert second_life.label(name, 3.5) == 1
        second_life.close()

        assert total(entries_in(second_life.state), "labels") == Counters(rows=1)

    def test_a_truth_that_is_told_again_after_a_restart_is_not_counted_again(
        self, make_agent: MakeAgent
    ) -> None:
        first_life = make_agent(words().package)
        call = first_life.predict(words().rows[:3])
        assert first_life.label(call.ids[1], "oak") == 1
        first_life.close()

        second_life = make_agent(words().package)
        assert second_life.label(call.ids[1], "oak") == 0
        assert second_life.label(call.id, ["ash", "oak", "elm"]) == 2
        second_life.close()

        assert total(entries_in(second_life.state), "labels") == Counters(rows=3)

    def test_wrong_truths_and_identifiers_are_told_and_not_counted(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(words().package)
        call = agent.predict(words().rows[:2])
        with pytest.raises(UsageError, match=r"truth 'fir' is no class of trees@1\.0\.0"):
            agent.label(call.id, ["oak", "fir"])
        with pytest.raises(UsageError, match="got 1 truths for a prediction of 2 rows"):
            agent.label(call.id, "oak")
        with pytest.raises(UsageError, match="is no prediction id"):
            agent.label("nonsense", "oak")
        assert agent.label(call.id, ["oak", "elm"]) == 2

    def test_a_truth_for_a_version_that_is_long_gone_is_told(self, make_agent: MakeAgent) -> None:
        elsewhere = make_agent(words().package, folder="elsewhere")
        name = elsewhere.predict(words().rows[:1]).id
        agent = make_agent(digits().package)
        with pytest.raises(UsageError, match="no longer on this device: its labels came too late"):
            agent.label(name, "oak")

    def test_more_truths_than_the_ring_holds_are_counted_whole(self, make_agent: MakeAgent) -> None:
        agent = make_agent(digits().package)
        rows = np.resize(digits().rows, (20_000, 64))
        call = agent.predict(rows)
        assert agent.label(call.id, [0] * 20_000) == 20_000
        agent.close()
        assert total(entries_in(agent.state), "labels") == Counters(rows=20_000)


class TestLife:
    def test_a_model_that_nobody_can_give_is_told(self) -> None:
        with pytest.raises(
            UsageError,
            match=r"model 'digits' is no package file, and there is no cloud to get it from: give",
        ):
            Agent("digits")

    def test_a_model_that_does_not_come_is_told_with_what_to_check(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent("digits", cloud=NO_BROKER, ready_timeout_s=0.05)
        with pytest.raises(
            UnavailableError,
            match=r"no version of model 'digits' is on device 'cam-7' after 0 s: check that the",
        ):
            agent.predict([[0.0] * 64])
        with pytest.raises(UnavailableError, match="no version of model"):
            agent.wait_ready(0.0)
        assert agent.version == ""

    def test_the_last_good_version_answers_while_the_broker_cannot_be_reached(
        self, make_agent: MakeAgent
    ) -> None:
        make_agent(digits().package).close()

        offline = make_agent("digits", cloud=NO_BROKER)
        prediction = offline.predict(digits().rows[:3])

        assert prediction.labels is not None
        assert offline.version == "1.0.0"
        began_s = time.monotonic()
        offline.close()
        assert time.monotonic() - began_s < 3.0
        assert total(entries_in(offline.state)).rows == 3

    def test_a_closed_agent_says_so(self, make_agent: MakeAgent) -> None:
        with make_agent(digits().package) as agent:
            name = agent.predict(digits().rows[:1]).id
        for attempt in (
            lambda: agent.predict(digits().rows[:1]),
            lambda: agent.label(name, 1),
            agent.wait_ready,
        ):
            with pytest.raises(UsageError, match="agent 'cam-7' is closed: make a new one"):
                attempt()

    def test_closing_wakes_a_call_that_waits_for_a_model(self, make_agent: MakeAgent) -> None:
        agent = make_agent("digits", cloud=NO_BROKER, ready_timeout_s=30.0)
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(agent.predict, [[0.0] * 64])
            time.sleep(0.05)
            agent.close()
            with pytest.raises(UsageError, match="is closed"):
                waiting.result(timeout=5.0)

    def test_closing_twice_or_from_many_threads_is_closing_once(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        agent.predict(digits().rows[:2])
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: agent.close(), range(4)))
        agent.close()
        assert total(entries_in(agent.state)) == Counters(rows=2, calls=1)

    def test_calls_under_way_while_it_closes_are_answered_and_counted_or_refused(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        agent.wait_ready()
        answered: list[int] = []

        def predict_until_closed() -> str:
            while True:
                try:
                    answered.append(len(agent.predict(digits().rows[:1])))
                except UsageError as error:
                    return str(error)

        with ThreadPoolExecutor(4) as pool:
            ends = [pool.submit(predict_until_closed) for _ in range(4)]
            time.sleep(0.1)
            agent.close()
        assert {end.result() for end in ends} == {"agent 'cam-7' is closed: make a new one"}
        again = make_agent(digits().package)
        again.close()

        assert total(entries_in(again.state)).rows == len(answered) > 0

    def test_without_cloud_and_state_nothing_is_left_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        agent = Agent(digits().package)
        agent.predict(digits().rows[:1])
        rings = ring_folder(agent.state)
        assert agent.state.parent == tmp_path

        agent.close()

        assert list(tmp_path.iterdir()) == []
        assert not rings.exists()

    def test_the_status_file_says_what_serves_and_that_the_agent_has_left(
        self, make_agent: MakeAgent
    ) -> None:
        agent = make_agent(digits().package)
        agent.wait_ready()
        path = agent.state / "status.json"
        wait_until(lambda: json.loads(path.read_text())["models"]["digits"]["version"] == "1.0.0")
        status = json.loads(path.read_text())
        assert status["device"] == "cam-7"
        assert status["closed"] is False
        assert [slot["state"] for slot in status["models"]["digits"]["slots"]] == [
            "active",
            "empty",
        ]

        agent.close()
        assert json.loads(path.read_text())["closed"] is True


class TestWhatCannotBegin:
    def test_a_folder_of_another_model_is_told_and_stays_usable(
        self, make_agent: MakeAgent
    ) -> None:
        make_agent(digits().package).close()
        with pytest.raises(UsageError, match="belongs to model 'digits', not 'trees'"):
            make_agent(words().package)
        make_agent(digits().package).wait_ready()

    def test_a_damaged_package_is_told_before_anything_is_made(
        self, make_agent: MakeAgent, tmp_path: Path
    ) -> None:
        path = tmp_path / "digits.modelpkg"
        path.write_bytes(digits().package.to_archive()[:-100])
        with pytest.raises(PackageError, match=r"digits\.modelpkg': not a readable model package"):
            make_agent(path)
        assert not (tmp_path / "state").exists()

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"device": "cam 7"}, "cam 7"),
            ({"fleet": "a/b"}, "a/b"),
            ({"interval_s": 0.0}, "telemetry interval must be from 0.1"),
            ({"cloud": "http://x"}, "http"),
        ],
    )
    def test_wrong_options_are_told_and_leave_the_folder_free(
        self, make_agent: MakeAgent, wrong: dict[str, object], said: str
    ) -> None:
        with pytest.raises(UsageError, match=said):
            make_agent(digits().package, **wrong)
        make_agent(digits().package).wait_ready()

    def test_a_state_folder_that_cannot_be_written_is_told(
        self, make_agent: MakeAgent, tmp_path: Path
    ) -> None:
        (tmp_path / "state").write_text("a file in its place")
        with pytest.raises(UnavailableError, match=r"cannot write to folder '.*state'"):
            make_agent(digits().package)

    def test_a_full_disk_is_told(self, make_agent: MakeAgent) -> None:
        with (
            files_of_at_most(2000),
            pytest.raises(UnavailableError, match="check that its disk has room"),
        ):
            make_agent(digits().package)
        make_agent(digits().package).wait_ready()


SCRIPT = """
import os, signal, sys
import numpy as np
from edge_agent.agent import Agent

agent = Agent(sys.argv[1], state=sys.argv[2], device="cam-7", cloud=sys.argv[4] or None)
for _ in range(50):
    agent.predict(np.zeros((2, 64), np.float32))
if sys.argv[3] == "kill":
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def run_script(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Runs a program that predicts 100 rows and never closes its agent."""
    path, state = tmp_path / "digits.modelpkg", tmp_path / "state"
    path.write_bytes(digits().package.to_archive())

    def run(end: str, cloud: str = "") -> int:
        command = [sys.executable, "-c", SCRIPT, str(path), str(state), end, cloud]
        return subprocess.run(command, check=False, timeout=30.0).returncode

    yield run
    shutil.rmtree(ring_folder(state), ignore_errors=True)


@pytest.mark.parametrize("cloud", ["", NO_BROKER])
def test_a_program_that_ends_without_closing_saves_what_it_counted(
    run_script: Callable[..., int], tmp_path: Path, cloud: str
) -> None:
    assert run_script("", cloud) == 0
    assert total(entries_in(tmp_path / "state")) == Counters(rows=100, calls=50)


def test_rows_of_a_program_that_was_killed_are_counted_by_the_next_one(
    run_script: Callable[..., int], make_agent: MakeAgent, tmp_path: Path
) -> None:
    assert run_script("kill") == -9

    agent = make_agent("digits")
    assert agent.rows_observed() == 100
    agent.close()

    assert total(entries_in(tmp_path / "state")) == Counters(rows=100, calls=50)


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
