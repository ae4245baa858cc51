"""``edgefleet agent``: run in this process where it ends by itself, as a process where it stays."""

import io
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_agent.config import ring_folder
from edgefleet.__main__ import main
from tests.edgefleet.conftest import Outcome
from tests.support.packages import digits, mixed, touchy_digits

Command = Callable[..., Outcome]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "state"
    yield folder
    shutil.rmtree(ring_folder(folder), ignore_errors=True)


@pytest.fixture
def package(tmp_path: Path) -> str:
    path = tmp_path / "customers.modelpkg"
    path.write_bytes(mixed().package.to_archive())
    return str(path)


@pytest.fixture
def edgefleet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Command:
    """Calls ``edgefleet agent`` with words as its arguments and text on standard input."""
    monkeypatch.chdir(tmp_path)
    for name in ("EDGEFLEET_STATE", "EDGEFLEET_BROKER", "EDGEFLEET_DEVICE", "EDGEFLEET_FLEET"):
        monkeypatch.delenv(name, raising=False)

    def call(*words: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.argv", ["edgefleet", "agent", *words])
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        with pytest.raises(SystemExit) as ended:
            main()
        code = ended.value.code
        assert isinstance(code, int)
        return Outcome(code, *capsys.readouterr())

    return call


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
            (entry,) = [entry for batch in store.batches() for entry in batch.entries]
        columns = mixed().package.reference().profile.spec.columns
        assert entry.counters.rows == 2
        assert "moments" not in {columns[index].spec.kind for index in entry.profile}

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


class TestStatus:
    def test_a_person_sees_what_serves(self, edgefleet: Command, state: Path) -> None:
        with Agent(mixed().package, state=state, device="cam-7") as agent:
            agent.wait_ready()
            agent.predict(mixed().rows.head(1))
        outcome = edgefleet("status", "--state", str(state))

        assert outcome.code == 0
        assert "device cam-7, has left, generation 0, 1 batches waiting" in outcome.out
        assert "active (serves)" in outcome.out
        assert mixed().package.digest[7:19] in outcome.out

    def test_a_person_sees_where_the_model_runs_and_why(
        self, edgefleet: Command, state: Path
    ) -> None:
        with Agent(mixed().package, state=state, providers=("openvino",)) as agent:
            agent.wait_ready()
        outcome = edgefleet("status", "--state", str(state))

        said = " ".join(outcome.out.split())
        assert "customers runs on CPUExecutionProvider: onnxruntime" in said
        assert "here has no OpenVINOExecutionProvider: install onnxruntime-openvino" in said

    def test_a_script_gets_json(self, edgefleet: Command, state: Path) -> None:
        with Agent(mixed().package, state=state, device="cam-7") as agent:
            agent.wait_ready()
            outcome = edgefleet("status", "--state", str(state), "--json")

        status = json.loads(outcome.out)
        assert (status["device"], status["closed"]) == ("cam-7", False)
        assert status["models"].keys() == {"customers"}

    def test_brackets_in_a_reason_are_shown_as_they_are(
        self, edgefleet: Command, state: Path
    ) -> None:
        slot = {
            "slot": "B",
            "state": "bad",
            "version": "1.1.0",
            "digest": mixed().package.digest,
            "detail": "is [bold]",
        }
        state.mkdir()
        (state / "status.json").write_text(
            json.dumps(
                {
                    "written_unix_s": 0.0,
                    "pid": 7,
                    "closed": False,
                    "device": "cam-7",
                    "generation": 3,
                    "waiting_batches": 0,
                    "models": {"customers": {"serving": "", "slots": [slot]}},
                }
            )
        )
        outcome = edgefleet("status", "--state", str(state))
        assert outcome.code == 0
        assert "device cam-7, process 7, generation 3" in outcome.out
        assert "is [bold]" in outcome.out

    def test_where_no_agent_ever_ran_the_way_to_one_is_told(
        self, edgefleet: Command, tmp_path: Path
    ) -> None:
        outcome = edgefleet("status", "--state", str(tmp_path))
        assert outcome.code == 2
        assert f"there is no agent in '{tmp_path}': name its folder with --state" in outcome.err

    def test_a_damaged_status_is_told(self, edgefleet: Command, tmp_path: Path) -> None:
        (tmp_path / "status.json").write_text("{")
        outcome = edgefleet("status", "--state", str(tmp_path))
        assert outcome.code == 1
        assert "cannot read the status in" in outcome.err


class TestScore:
    CSV = "city,age,income\noslo,30,41000.5\nbergen,61,\n"

    def test_a_file_is_scored_into_another(self, edgefleet: Command, package: str) -> None:
        Path("rows.csv").write_text(self.CSV)
        outcome = edgefleet("score", "rows.csv", "answers.csv", "--model", package)

        assert outcome.code == 0
        assert "predicted 2 rows into answers.csv" in outcome.err
        header, *answers = Path("answers.csv").read_text().splitlines()
        assert header == "label,probability_0,probability_1"
        assert len(answers) == 2

    def test_with_a_state_folder_the_rows_wait_there_for_a_cloud(
        self, edgefleet: Command, package: str, state: Path
    ) -> None:
        Path("rows.csv").write_text(self.CSV)
        for _ in range(2):
            outcome = edgefleet(
                "score", "rows.csv", "out.jsonl", "--model", package, "--state", str(state)
            )
            assert outcome.code == 0
        with Agent("customers", state=state) as agent:
            assert agent.rows_observed() == 4

    @pytest.mark.parametrize(
        ("words", "text", "code", "said"),
        [
            (("rows.csv", "out.csv"), "city,age,income\noslo,old,1\n", 2, "rows.csv, row 1: feat"),
            (("rows.csv", "out.csv"), "city,age\noslo,3\n", 2, "missing: 'income'"),
            (("rows.csv", "out.txt"), CSV, 2, "cannot write 'out.txt': name it .csv or .jsonl"),
            (("rows.csv", "no/out.csv"), CSV, 1, "cannot write 'no/out.csv': No such file"),
            (("none.csv", "out.csv"), CSV, 2, "there is no file 'none.csv'"),
        ],
    )
    def test_mistakes_are_one_line_and_leave_no_output(
        self,
        edgefleet: Command,
        package: str,
        words: tuple[str, ...],
        text: str,
        code: int,
        said: str,
    ) -> None:
        Path("rows.csv").write_text(text)
        outcome = edgefleet("score", *words, "--model", package)
        assert outcome.code == code
        assert said in outcome.err
        assert sorted(path.name for path in Path().iterdir()) == ["customers.modelpkg", "rows.csv"]

    def test_a_model_must_be_named(self, edgefleet: Command) -> None:
        assert edgefleet("score", "rows.csv", "out.csv").code == 2
