"""`edgefleet cloud rollup`: two clouds that run, merged into a folder above them."""

import json
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path

from cloud_sync.adapters.sqlite_warehouse import SqliteWarehouse
from tests.integration.processes import ROOT, Cameras, CloudProcess, cli, eventually


def test_two_cells_are_merged_into_a_parent_once_however_often_it_is_done(
    tmp_path: Path, packages: dict[str, Path]
) -> None:
    world = tmp_path / "world"
    with ExitStack() as stack:
        cells = {
            name: stack.enter_context(CloudProcess(tmp_path / name)) for name in ("oslo", "lund")
        }
        for name, cloud in cells.items():
            cloud.client.push(packages["1.0.0"])
            devices = Cameras(tmp_path / name / "devices", [name], broker=cloud.broker_url)
            film(cloud, stack.enter_context(devices))
        words: list[str | Path] = ["cloud", "rollup", "--data", world, "--once", "--json"]
        for name, cloud in cells.items():
            words += ["--cell", f"{name}={cloud.url}"]

        first, second = cli(*words), cli(*words)
        expected = sum(cloud.client.summary().rows_merged for cloud in cells.values())

    assert (first.code, second.code) == (0, 0), first.out + first.err + second.out
    told = [json.loads(line) for line in second.out.splitlines()]
    assert [(one["name"], one["changed"], one["withdrawn"]) for one in told] == [
        ("oslo", 0, 0),
        ("lund", 0, 0),
    ]
    with closing(SqliteWarehouse(world)) as store:
        assert store.totals().by_role["primary"].rows == expected
        assert [cell.name for cell in store.cells()] == ["lund", "oslo"]


def film(cloud: CloudProcess, cameras: Cameras) -> None:
    """Let cameras predict for a while; on return all of it is merged, and nothing more comes."""
    client = cloud.client
    eventually("rows arrive", lambda: client.summary().rows_merged > 20, within_s=60.0)
    cameras.pause()
    rows = cameras.tally.returned
    eventually("all are merged", lambda: client.summary().rows_merged == rows, within_s=60.0)


def test_what_is_given_wrongly_is_told(tmp_path: Path) -> None:
    for words, message in {
        ("--once",): "give the cells with --cell NAME=URL",
        ("--cell", "oslo"): "a cell is given as NAME=URL",
        ("--cell", "a=http://x", "--cell", "a=http://y"): "cell 'a' is given twice",
        ("--cell", "a=http://x", "--every", "0"): "--every is from 1 to 86400 seconds, got 0",
        ("--forget", "oslo"): "there is no cell 'oslo' here; there are: none",
    }.items():
        done = cli("cloud", "rollup", "--data", tmp_path / "world", *words)
        assert done.code == 2, done.err
        assert message in done.err


def test_it_ends_at_once_while_a_cell_does_not_answer(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        words = ["cloud", "rollup", "--data", str(tmp_path), "--cell"]
        words += [f"a=http://127.0.0.1:{deaf.getsockname()[1]}"]
        with subprocess.Popen([sys.executable, "-m", "edgefleet", *words], cwd=ROOT) as process:
            asking, _ = deaf.accept()
            ended_s = time.monotonic()

            process.send_signal(signal.SIGTERM)

            assert process.wait(20.0) == 0
            assert time.monotonic() - ended_s < 10.0  # an answer is waited for three times as long
            asking.close()


def test_a_cell_out_of_reach_is_told_and_the_exit_code_says_so(tmp_path: Path) -> None:
    done = cli("cloud", "rollup", "--data", tmp_path, "--once", "--cell", "oslo=http://127.0.0.1:9")

    assert done.code == 1
    assert "oslo: cannot reach the cloud" in done.out
