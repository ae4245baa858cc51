"""The agent as applications use it, on this machine: predicting and telling truths."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from edge_contract.errors import UsageError
from edge_contract.messages import Counters
from tests.edge_agent.conftest import MakeAgent
from tests.edge_agent.saved_entries import entries_in, total
from tests.support.packages import binary, digits, mixed, regression, words


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
