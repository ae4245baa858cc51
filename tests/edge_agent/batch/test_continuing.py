"""A run that was stopped or killed goes on where it was; its output is as if it never stopped."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pyarrow import feather, parquet

from edge_agent.agent import Agent
from tests.edge_agent.batch.conftest import run_job
from tests.support.packages import regression

ROWS = 10_000
BLOCKS = 5


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows of which every 1000th does not fit."""
    path = tmp_path / "rows.csv"
    lines = [f"{n},{'bad' if n % 1000 == 0 else 1}" for n in range(1, ROWS + 1)]
    path.write_text("\n".join(["x0,x1", *lines]))
    return path


def after(blocks: int) -> Callable[[], bool]:
    """Says stop after so many blocks."""
    left = [blocks]

    def should_stop() -> bool:
        left[0] -= 1
        return left[0] == 0

    return should_stop


def crash_after(blocks: int) -> Callable[[], bool]:
    """Breaks off after so many blocks, as Ctrl-C twice does."""
    stop = after(blocks)

    def should_stop() -> bool:
        if stop():
            raise KeyboardInterrupt
        return False

    return should_stop


def numbers(target: Path) -> list[tuple[int, int]]:
    """Rows and what was predicted, rounded."""
    match target.suffix:
        case ".parquet":
            table = parquet.read_table(target)
        case ".arrow":
            table = feather.read_table(target)
        case ".csv":
            lines = [line.split(",") for line in target.read_text().splitlines()[1:]]
            return [(int(row), round(float(value))) for row, value in lines]
        case _:
            found = [json.loads(line) for line in target.read_text().splitlines()]
            return [(one["row"], round(one["value"])) for one in found]
    values = map(round, table["value"].to_pylist())
    return list(zip(table["row"].to_pylist(), values, strict=True))


EXPECTED = [(n, 2 * n + 2) for n in range(1, ROWS + 1) if n % 1000]
SUFFIXES = ["csv", "jsonl", "parquet", "arrow"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_run_that_is_stopped_after_every_block_writes_each_row_once(
    sums: Agent, source: Path, tmp_path: Path, suffix: str
) -> None:
    target = tmp_path / f"out.{suffix}"
    for block in range(1, BLOCKS):
        summary = run_job(sums, source, target, should_stop=after(1))
        assert not summary.complete
        assert not target.exists()
        assert summary.blocks == block
        assert summary.continued_after == sum(
            n % 1000 != 0 for n in range(1, 2048 * (block - 1) + 1)
        )

    summary = run_job(sums, source, target)

    assert (summary.rows, summary.rejected) == (ROWS - 10, 10)
    assert numbers(target) == EXPECTED
    rejected = tmp_path / f"out.{suffix}.rejected.jsonl"
    assert [json.loads(line)["row"] for line in rejected.read_text().splitlines()] == list(
        range(1000, ROWS + 1, 1000)
    )
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert sums.rows_observed() == ROWS - 10


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_a_crash_left_after_the_last_checkpoint_is_cut_off(
    sums: Agent, source: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / f"out.{suffix}"
    monkeypatch.setattr("edge_agent.batch.run._CHECKPOINT_S", 0.0)
    with pytest.raises(KeyboardInterrupt):
        run_job(sums, source, target, should_stop=crash_after(3))
    for partial in (
        tmp_path / f".out.{suffix}.part",
        tmp_path / f".{target.name}.rejected.jsonl.part",
    ):
        if partial.exists():
            with partial.open("ab") as file:
                file.write(b"half a ro")

    summary = run_job(sums, source, target)

    assert summary.continued_after > 0
    assert numbers(target) == EXPECTED


def test_a_run_that_breaks_off_before_its_first_checkpoint_leaves_nothing(
    sums: Agent, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_job(sums, source, tmp_path / "out.csv", should_stop=crash_after(2))
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "state"}


class TestBeginsAnew:
    def test_where_the_source_has_changed(self, sums: Agent, source: Path, tmp_path: Path) -> None:
        run_job(sums, source, tmp_path / "out.csv", should_stop=after(2))
        source.write_text("x0,x1\n1,1\n")

        summary = run_job(sums, source, tmp_path / "out.csv")

        assert summary.began_anew
        assert numbers(tmp_path / "out.csv") == [(1, 4)]

    def test_where_other_columns_are_kept(self, sums: Agent, source: Path, tmp_path: Path) -> None:
        run_job(sums, source, tmp_path / "out.csv", should_stop=after(2))

        summary = run_job(sums, source, tmp_path / "out.csv", kept=("x0",))

        assert summary.began_anew
        assert (tmp_path / "out.csv").read_text().startswith("row,x0,value\n1,1,")

    @pytest.mark.parametrize("name", [".out.csv.part", ".out.csv.rejected.jsonl.part"])
    @pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"")])
    def test_where_what_was_written_is_gone_or_cut_off(
        self,
        sums: Agent,
        source: Path,
        tmp_path: Path,
        name: str,
        damage: Callable[[Path], object],
    ) -> None:
        run_job(sums, source, tmp_path / "out.csv", should_stop=after(2))
        damage(tmp_path / name)

        summary = run_job(sums, source, tmp_path / "out.csv")

        assert summary.began_anew
        assert numbers(tmp_path / "out.csv") == EXPECTED

    def test_where_the_checkpoint_is_damaged(
        self, sums: Agent, source: Path, tmp_path: Path
    ) -> None:
        run_job(sums, source, tmp_path / "out.csv", should_stop=after(2))
        (tmp_path / ".out.csv.progress.json").write_text('{"of": 7')

        assert run_job(sums, source, tmp_path / "out.csv").began_anew
        assert numbers(tmp_path / "out.csv") == EXPECTED

    def test_on_demand(self, sums: Agent, source: Path, tmp_path: Path) -> None:
        run_job(sums, source, tmp_path / "out.csv", should_stop=after(2))

        summary = run_job(sums, source, tmp_path / "out.csv", restart=True)

        assert (summary.continued_after, summary.began_anew) == (0, False)
        assert numbers(tmp_path / "out.csv") == EXPECTED


def test_killed_at_any_instant_the_command_writes_each_row_once(tmp_path: Path) -> None:
    rows = 60_000
    chance = random.Random(3)
    (tmp_path / "sums.modelpkg").write_bytes(regression().package.to_archive())
    (tmp_path / "rows.csv").write_text("x0,x1\n" + "".join(f"{n},1\n" for n in range(1, rows + 1)))
    script = (
        "import sys, edge_agent.batch.run as run; run._CHECKPOINT_S = 0.0\n"
        "from edgefleet.__main__ import main; main()"
    )
    words = ["agent", "score", "rows.csv", "out.csv", "--model", "sums.modelpkg"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", script, *words], cwd=tmp_path, stderr=subprocess.DEVNULL
        )

    kills = 0
    deadline_s = time.monotonic() + 60
    while kills < 4 and time.monotonic() < deadline_s:
        with start() as process:
            progress = tmp_path / ".out.csv.progress.json"
            while process.poll() is None and not progress.exists():
                time.sleep(0.01)
            time.sleep(chance.random() * 0.3)
            process.send_signal(signal.SIGKILL)
            process.wait()
        if (tmp_path / "out.csv").exists():
            break
        kills += 1
    if not (tmp_path / "out.csv").exists():
        with start() as process:
            assert process.wait(60) == 0

    assert kills >= 1
    assert numbers(tmp_path / "out.csv") == [(n, 2 * n + 2) for n in range(1, rows + 1)]
    assert {path.name for path in tmp_path.iterdir()} == {"rows.csv", "out.csv", "sums.modelpkg"}
