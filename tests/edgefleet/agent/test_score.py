"""``edgefleet agent score``."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow
import pytest
from pyarrow import feather, parquet

from edge_agent.agent import Agent
from tests.edgefleet.agent.conftest import Command
from tests.support.packages import mixed

CSV = "city,age,income\noslo,30,41000.5\nbergen,61,\n"
LINES = (
    '{"city": "oslo", "age": 30, "income": 41000.5}\n{"city": "bergen", "age": 61, "income": ""}\n'
)
TABLE = pyarrow.table({"city": ["oslo", "bergen"], "age": [30, 61], "income": [41000.5, None]})


@pytest.fixture
def labels() -> list[object]:
    """What the model says to those rows."""
    with Agent(mixed().package) as agent:
        found = agent.predict(
            {"city": ["oslo", "bergen"], "age": [30, 61], "income": [41000.5, ""]}
        )
        assert found.labels is not None
        return list(found.labels.tolist())


def test_a_file_is_scored_into_another(
    edgefleet: Command, package: str, labels: list[object]
) -> None:
    Path("rows.csv").write_text(CSV)
    outcome = edgefleet("score", "rows.csv", "answers.csv", "--model", package)

    assert outcome.code == 0
    assert outcome.err == ("predicted 2 rows of rows.csv into answers.csv by customers@1.0.0\n")
    header, *answers = Path("answers.csv").read_text().splitlines()
    assert header == "row,label,probability_0,probability_1"
    assert [answer.split(",")[:2] for answer in answers] == [
        ["1", str(labels[0])],
        ["2", str(labels[1])],
    ]


@pytest.mark.parametrize("source", ["rows.csv", "rows.jsonl", "rows.parquet", "rows.arrow"])
@pytest.mark.parametrize("target", ["out.csv", "out.jsonl", "out.parquet", "out.feather"])
def test_every_form_goes_into_every_other_one(
    edgefleet: Command, package: str, labels: list[object], source: str, target: str
) -> None:
    Path("rows.csv").write_text(CSV)
    Path("rows.jsonl").write_text(LINES)
    parquet.write_table(TABLE, "rows.parquet")
    feather.write_feather(TABLE, "rows.arrow")

    outcome = edgefleet("score", source, target, "--model", package, "--keep", "city")

    assert outcome.code == 0
    match target:
        case "out.csv":
            lines = [line.split(",") for line in Path(target).read_text().splitlines()]
            assert lines[0][:3] == ["row", "city", "label"]
            found = [(int(row), city, int(label)) for row, city, label, *_ in lines[1:]]
        case "out.jsonl":
            answers = map(json.loads, Path(target).read_text().splitlines())
            found = [(one["row"], one["city"], one["label"]) for one in answers]
        case _:
            read = parquet.read_table if target == "out.parquet" else feather.read_table
            table = read(target)
            assert table.schema.field("probabilities").type == pyarrow.list_(pyarrow.float32())
            columns = (table[name].to_pylist() for name in ("row", "city", "label"))
            found = list(zip(*columns, strict=True))
    assert found == [(1, "oslo", labels[0]), (2, "bergen", labels[1])]


class TestStandardInputAndOutput:
    @pytest.mark.parametrize("kind", ["jsonl", "csv", "arrow"])
    def test_rows_come_from_one_and_answers_go_to_the_other(
        self, edgefleet: Command, package: str, labels: list[object], kind: str
    ) -> None:
        sink = pyarrow.BufferOutputStream()
        with pyarrow.ipc.new_stream(sink, TABLE.schema) as writer:
            writer.write_table(TABLE)
        rows = {"jsonl": LINES, "csv": CSV, "arrow": sink.getvalue().to_pybytes()}[kind]

        outcome = edgefleet(
            "score", "-", "-", "--model", package, "--input-format", kind, stdin=rows
        )

        assert outcome.code == 0
        answers = list(map(json.loads, outcome.out.splitlines()))
        assert [answer["label"] for answer in answers] == labels
        assert Path("customers.modelpkg").exists()
        assert len(list(Path().iterdir())) == 1

    def test_rows_that_do_not_fit_are_told_on_standard_error(
        self, edgefleet: Command, package: str
    ) -> None:
        outcome = edgefleet("score", "-", "-", "--model", package, stdin=LINES + "[1]\n")

        assert outcome.code == 3
        assert len(outcome.out.splitlines()) == 2
        reject, *_ = outcome.err.splitlines()
        assert json.loads(reject)["row"] == 3
        assert json.loads(reject)["values"] == [1]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("-", "-", "--input-format", "parquet"), "cannot read 'parquet' from standard input"),
            (("-", "-", "--output-format", "arrow"), "cannot write 'arrow' to standard output"),
        ],
    )
    def test_a_form_that_cannot_be_piped_is_refused(
        self, edgefleet: Command, package: str, words: tuple[str, ...], said: str
    ) -> None:
        outcome = edgefleet("score", *words, "--model", package)
        assert outcome.code == 2
        assert said in outcome.err


class TestFolders:
    @pytest.fixture
    def parts(self) -> Path:
        folder = Path("parts")
        folder.mkdir()
        (folder / "b.csv").write_text("city,age,income\noslo,30,1\nbergen,old,2\n")
        (folder / "a.csv").write_text("city,age,income\nbergen,61,\n")
        (folder / "_SUCCESS").write_text("")
        return folder

    def test_a_folder_is_one_source_in_the_order_of_its_files_names(
        self, edgefleet: Command, package: str, parts: Path
    ) -> None:
        outcome = edgefleet("score", "parts", "out.jsonl", "--model", package, "--keep", "city")

        assert outcome.code == 3
        answers = map(json.loads, Path("out.jsonl").read_text().splitlines())
        assert [(one["row"], one["city"]) for one in answers] == [(1, "bergen"), (2, "oslo")]
        (reject,) = Path("out.jsonl.rejected.jsonl").read_text().splitlines()
        assert json.loads(reject)["row"] == 3

    def test_into_a_folder_every_file_gets_one_of_its_own(
        self, edgefleet: Command, package: str, parts: Path
    ) -> None:
        outcome = edgefleet(
            "score", "parts", "out", "--model", package, "--output-format", "parquet"
        )

        assert outcome.code == 3
        assert sorted(path.name for path in Path("out").iterdir()) == [
            "a.parquet",
            "b.parquet",
            "b.parquet.rejected.jsonl",
        ]
        assert parquet.read_table("out/b.parquet")["row"].to_pylist() == [1]

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (("empty", "out.csv"), "folder 'empty' has no files"),
            (("many", "out.csv"), "folder 'many' has files of several kinds (csv, jsonl)"),
            (("many", "many"), "folder 'many' has files of several kinds"),
            (("deep", "out.csv"), "folder 'deep' has 'later', 'notes.txt', which cannot be read"),
            (("parts", "parts"), "'parts' is to be read and written: name another folder"),
            (("parts", "out", "--rejected", "bad.jsonl"), "every file of a folder has its own"),
            (("parts", "out", "--output-format", "xml"), "cannot write 'xml'"),
        ],
    )
    def test_folders_that_cannot_be_scored_are_refused(
        self,
        edgefleet: Command,
        package: str,
        parts: Path,
        words: tuple[str, ...],
        said: str,
    ) -> None:
        Path("empty").mkdir()
        Path("many").mkdir()
        Path("many/a.csv").write_text(CSV)
        Path("many/a.jsonl").write_text(LINES)
        Path("deep/later").mkdir(parents=True)
        Path("deep/a.csv").write_text(CSV)
        Path("deep/notes.txt").write_text("read me")
        Path("deep/_SUCCESS").touch()

        outcome = edgefleet("score", *words, "--model", package)

        assert outcome.code == 2
        assert said in outcome.err


def test_rows_set_aside_are_told_and_change_the_exit_code(edgefleet: Command, package: str) -> None:
    Path("rows.csv").write_text(f"{CSV}oslo,old,1\n")
    outcome = edgefleet("score", "rows.csv", "out.csv", "--model", package)
    assert outcome.code == 3
    assert "1 row was rejected: see out.csv.rejected.jsonl" in outcome.err

    outcome = edgefleet(
        "score", "rows.csv", "out.csv", "--model", package, "--rejected", "bad.jsonl"
    )
    assert outcome.code == 3
    assert json.loads(Path("bad.jsonl").read_text())["row"] == 3


def test_with_a_state_folder_the_rows_wait_there_for_a_cloud(
    edgefleet: Command, package: str, state: Path
) -> None:
    Path("rows.csv").write_text(CSV)
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
        (("rows.csv", "out.csv", "--strict"), f"{CSV}oslo,old,1\n", 2, "rows.csv, row 3: feat"),
        (("rows.csv", "out.csv", "--strict"), f"{CSV}oslo,1\n", 2, "rows.csv, row 3 has 2 values"),
        (("rows.csv", "out.csv"), "city,age\noslo,3\n", 2, "missing: 'income'"),
        (("rows.csv", "out.txt"), CSV, 2, "cannot write 'out.txt': name it .csv, .jsonl"),
        (("rows.csv", "no/out.csv"), CSV, 1, "cannot write 'no/out.csv': No such file"),
        (("rows.csv", "out.csv", "--rejected", "no/bad"), CSV, 1, "No such file"),
        (("rows.csv", "out.csv", "--keep", "name"), CSV, 2, "column 'name' is to be kept"),
        (("rows.csv", "out.csv", "--keep", "label"), CSV, 2, "answers have one of that name"),
        (("none.csv", "out.csv"), CSV, 2, "there is no file 'none.csv'"),
    ],
)
def test_mistakes_are_one_line_and_leave_no_output(
    edgefleet: Command, package: str, words: tuple[str, ...], text: str, code: int, said: str
) -> None:
    Path("rows.csv").write_text(text)
    outcome = edgefleet("score", *words, "--model", package)
    assert outcome.code == code
    assert said in outcome.err
    assert outcome.err.count("\n") == 1
    assert sorted(path.name for path in Path().iterdir()) == ["customers.modelpkg", "rows.csv"]


def test_a_model_must_be_named(edgefleet: Command) -> None:
    assert edgefleet("score", "rows.csv", "out.csv").code == 2


def test_ctrl_c_stops_after_the_block_and_the_same_command_goes_on(
    package: str, tmp_path: Path
) -> None:
    rows = 100_000
    lines = (f"oslo,{number % 90},{number}\n" for number in range(rows))
    (tmp_path / "rows.csv").write_text(f"city,age,income\n{''.join(lines)}")
    command = [sys.executable, "-m", "edgefleet", "agent", "score", "rows.csv", "out.csv"]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, "--model", package], cwd=tmp_path, stderr=subprocess.PIPE, text=True
        )

    with start() as process:
        while not (tmp_path / ".out.csv.part").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "the same command goes on from there" in said

    with start() as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "went on after" in said
    assert "\x1b" not in said
    assert len((tmp_path / "out.csv").read_text().splitlines()) == rows + 1
