"""A conversion that is interrupted, or runs out of room, leaves nothing half-written."""

import os
import pickle
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from tests.converters.helpers import flowers, quietly_converted

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "edgefleet", "convert")


class Sleeps:
    """Sleeps when it is loaded, after it has said so in a file."""

    def __init__(self, told: Path) -> None:
        self.told = told

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        line = f"import os, time; open({str(self.told)!r}, 'w').write(str(os.getpid()))"
        return exec, (f"{line}; time.sleep(600)",)


@pytest.fixture
def graph(tmp_path: Path) -> tuple[Path, Path]:
    """A model as ONNX, and its rows."""
    rows, labels = flowers()
    package = quietly_converted(LogisticRegression(max_iter=500).fit(rows, labels), rows)
    model, data = tmp_path / "flowers.onnx", tmp_path / "rows.npz"
    model.write_bytes(package.model())
    np.savez(data, X=rows.to_numpy(), y=labels.astype("U"))
    return model, data


@contextmanager
def running(*words: str, scratch: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A conversion in a process group of its own, which gets Ctrl-C as on a terminal."""
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=ROOT,
        env=os.environ | ({} if scratch is None else {"TMPDIR": str(scratch)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)


def wait_for(path: Path) -> int:
    for _ in range(600):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} was never written")


def is_alive(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_both_processes_of_a_pickle_and_leaves_nothing(tmp_path: Path) -> None:
    model, told, out = tmp_path / "model.pkl", tmp_path / "told", tmp_path / "dist"
    model.write_bytes(pickle.dumps(Sleeps(told)))
    np.savez(tmp_path / "rows.npz", X=np.ones((9, 4)))
    (tmp_path / "scratch").mkdir()
    files = (str(model), "--trust-pickle", "--data", str(tmp_path / "rows.npz"))
    words = (*files, "--version", "1.0.0", "--out", str(out))

    with running(*words, scratch=tmp_path / "scratch") as process:
        child = wait_for(told)
        before = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=30)
        passed_s = time.monotonic() - before

    assert process.returncode == 130
    assert said == ("", "")
    assert passed_s < 10
    assert not is_alive(child)
    assert not out.exists()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="has no limit on the size of files")
def test_a_full_disk_leaves_no_part_of_a_package(tmp_path: Path, graph: tuple[Path, Path]) -> None:
    model, data = graph
    out = tmp_path / "dist"
    out.mkdir()
    (out / "flowers-1.0.0.modelpkg").write_text("the one before")
    words = (str(model), "--data", str(data), "--version", "1.0.0", "--out", str(out))

    ended = subprocess.run(
        ["bash", "-c", 'ulimit -f 4; exec "$@"', "bash", *COMMAND, *words],
        cwd=ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    last = ended.stderr.splitlines()[-1]
    assert ended.returncode == 1
    assert last.startswith(f"error: cannot write '{out}/flowers-1.0.0.modelpkg': File too large")
    assert "Traceback" not in ended.stderr
    assert [path.name for path in out.iterdir()] == ["flowers-1.0.0.modelpkg"]
    assert (out / "flowers-1.0.0.modelpkg").read_text() == "the one before"


def test_a_package_that_is_there_is_replaced_only_by_a_whole_one(
    tmp_path: Path, graph: tuple[Path, Path]
) -> None:
    model, data = graph
    path = tmp_path / "mine.modelpkg"
    path.write_text("the one before")
    words = (str(model), "--data", str(data), "--out", str(path), "--no-robustness")

    with running(*words, "--version", "one") as refused:
        refused.communicate(timeout=60)
    kept = path.read_text()
    with running(*words, "--version", "1.0.0") as done:
        done.communicate(timeout=60)

    assert refused.returncode == 2
    assert kept == "the one before"
    assert done.returncode == 0
    assert path.read_bytes().startswith(b"PK")


def test_progress_is_shown_to_a_person_and_to_nobody_else(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    (tmp_path / "m.pkl").write_bytes(pickle.dumps(LinearRegression().fit(rows, rows[:, 0])))
    np.savez(tmp_path / "rows.npz", X=rows)
    files = (str(tmp_path / "m.pkl"), "--trust-pickle", "--data", str(tmp_path / "rows.npz"))
    words = (*files, "--version", "1.0.0", "--out", str(tmp_path / "dist"))

    with running(*words) as piped:
        out, err = piped.communicate(timeout=60)
    shown = on_a_terminal(*words)

    assert piped.returncode == 0
    assert "Loading" not in out + err
    assert all(line.startswith("warning: ") for line in err.splitlines())
    assert "Loading" in shown
    assert "Done" in shown
    assert "\x1b[" in shown


def on_a_terminal(*words: str) -> str:
    """Run a conversion whose standard error is a terminal, and return what it wrote there."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    parts: list[bytes] = []

    def read() -> None:
        try:
            while part := os.read(ours, 65_536):
                parts.append(part)
        except OSError:  # how Linux says that the other side is closed
            pass

    reader = threading.Thread(target=read)
    reader.start()
    process.wait(60)
    reader.join(10)
    os.close(ours)
    return b"".join(parts).decode()
