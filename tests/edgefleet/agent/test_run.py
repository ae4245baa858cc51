"""``edgefleet agent run``: in this process where it ends by itself, as one where it stays."""

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from tests.edgefleet.agent.conftest import Command
from tests.support.packages import digits, mixed, touchy_digits

ROWS = '{"age": 30, "income": 41000, "city": "oslo"}\n\n[61, null, "bergen"]\n'


class TestRun:
    def test_every_row_of_standard_input_gets_one_line(
        self, edgefleet: Command, package: str, state: Path
    ) -> None:
        outcome = edgefleet("run", package, "--state", str(state), stdin=ROWS)

        assert outcome.code == 0
        first, second = map(json.loads, outcome.out.splitlines())
        assert first.keys() == second.keys() == {"id", "model", "label", "probabilities"}
        assert first["model"] == "customers@1.0.0"
        assert first["label"] in (0, 1)
        assert sum(first["probabilities"]) == pytest.approx(1.0)
        assert "keeps its state in" in outcome.err

    def test_noise_and_salt_may_be_asked_for(
        self, edgefleet: Command, package: str, state: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EDGEFLEET_SALT", "a long random text of the fleet")

        outcome = edgefleet(
            "run", package, "--state", str(state), "--noise-epsilon", "0.5", stdin=ROWS
        )

        assert outcome.code == 0
        with closing(SqliteBatchStore(state / "agent.db", wait_s=0.0)) as store:
            entries = [entry for batch in store.batches() for entry in batch.entries]
        columns = mixed().package.reference().profile.spec.columns
        kinds = {columns[index].spec.kind for entry in entries for index in entry.profile}
        assert sum(entry.counters.rows for entry in entries) == 2
        assert kinds
        assert "moments" not in kinds

    @pytest.mark.parametrize(
        ("words", "why"),
        [
            (("--noise-epsilon", "0.001"), "noise epsilon must be 0 for none"),
            (("--salt", "oslo"), "salt has 4 characters, fewer than 16"),
        ],
    )
    def test_noise_or_salt_that_protect_nobody_are_refused(
        self, edgefleet: Command, package: str, words: tuple[str, str], why: str
    ) -> None:
        outcome = edgefleet("run", package, *words, stdin=ROWS)

        assert outcome.code == 2
        assert why in outcome.err

    def test_a_row_that_does_not_fit_is_answered_with_its_error_and_the_rest_goes_on(
        self, edgefleet: Command, package: str
    ) -> None:
        rows = '[1, 2]\n{"age": "old", "income": 1, "city": "oslo"}\nno JSON\n' + ROWS
        outcome = edgefleet("run", package, stdin=rows)

        answers = [json.loads(line) for line in outcome.out.splitlines()]
        assert outcome.code == 1
        assert [answer.get("line") for answer in answers] == [1, 2, 3, None, None]
        assert answers[0]["error"].startswith(
            "line 1: model 'customers@1.0.0' takes rows of 3 features ('age', 'income', 'city')"
        )
        assert answers[1]["error"] == (
            "line 2: feature 'age' of model 'customers@1.0.0' is float32, got text 'old'"
        )
        assert answers[2]["error"].startswith("line 3 is no JSON: ")

    def test_a_call_on_which_the_model_fails_is_answered_with_its_error(
        self, edgefleet: Command, tmp_path: Path
    ) -> None:
        path = tmp_path / "touchy.modelpkg"
        path.write_bytes(touchy_digits().to_archive())
        good = digits().rows[0].tolist()

        outcome = edgefleet(
            "run", str(path), stdin=f"{json.dumps([100.0, *good[1:]])}\n{json.dumps(good)}\n"
        )

        bad, fine = map(json.loads, outcome.out.splitlines())
        assert outcome.code == 1
        assert "the model failed" in bad["error"]
        assert fine["label"] == digits().labels[0]

    def test_without_rows_and_without_cloud_there_is_nothing_to_do(
        self, edgefleet: Command, package: str
    ) -> None:
        outcome = edgefleet("run", package)
        assert outcome.code == 0
        assert outcome.out == ""
        assert "no rows came on standard input, and there is no cloud to follow" in outcome.err

    @pytest.mark.parametrize(
        ("words", "code", "said"),
        [
            (("digits",), 2, "is no package file, and there is no cloud to get it from"),
            (("missing.modelpkg",), 2, "there is no model package at 'missing.modelpkg'"),
            (("PACKAGE", "--tag", "oslo"), 2, "tag 'oslo' is not NAME=VALUE"),
            (("PACKAGE", "--device", "cam 7"), 2, "cam 7"),
            (("PACKAGE", "--cloud", "http://x"), 2, "http"),
            (("PACKAGE", "--interval", "0"), 2, "telemetry interval must be from 0.1"),
            (("PACKAGE", "--state", "PACKAGE/state"), 1, "cannot write to folder"),
            (("broken.modelpkg",), 1, "broken.modelpkg': not a readable model package"),
        ],
    )
    def test_mistakes_are_one_line_with_an_exit_code(
        self, edgefleet: Command, package: str, words: tuple[str, ...], code: int, said: str
    ) -> None:
        Path("broken.modelpkg").write_bytes(b"nothing")
        outcome = edgefleet("run", *(word.replace("PACKAGE", package) for word in words))
        assert outcome.code == code
        assert said in outcome.err
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1

    def test_a_state_folder_that_another_agent_uses_is_refused(
        self, edgefleet: Command, package: str, state: Path
    ) -> None:
        with Agent(mixed().package, state=state):
            outcome = edgefleet("run", package, "--state", str(state), stdin=ROWS)
        assert outcome.code == 2
        assert f"another agent runs in folder '{state}'" in outcome.err
        assert "stop it, or give this one a state folder of its own" in outcome.err

    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)], ids=["TERM", "INT"]
    )
    def test_a_signal_ends_it_in_good_order(
        self, package: str, state: Path, number: signal.Signals, code: int
    ) -> None:
        command = [sys.executable, "-m", "edgefleet", "agent", "run", package]
        options = ["--state", str(state), "--cloud", "mqtt://127.0.0.1:1"]
        with subprocess.Popen(
            [*command, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(ROWS)
            process.stdin.flush()
            assert json.loads(process.stdout.readline())["model"] == "customers@1.0.0"
            assert json.loads(process.stdout.readline())["model"] == "customers@1.0.0"
            process.send_signal(number)
            assert process.wait(timeout=20.0) == code

        status = json.loads((state / "status.json").read_text())
        assert status["closed"] is True
        with closing(SqliteBatchStore(state / "agent.db")) as store:
            entries = [entry for batch in store.batches() for entry in batch.entries]
        assert sum(entry.counters.rows for entry in entries) == 2
