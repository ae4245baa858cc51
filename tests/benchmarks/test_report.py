"""The page of all kept figures, and the meter that stands before a broker."""

import json
import socket
import threading
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.byte_meter import ByteMeter
from benchmarks.harness import Figure, Run
from benchmarks.report import write_report


def test_all_kept_figures_stand_on_one_page_with_their_targets(tmp_path: Path) -> None:
    results, docs = tmp_path / "results", tmp_path / "docs"
    figures = [
        Figure("1000 devices: rollout until all have reported", 4.0, "s", 10.0),
        Figure("10000 devices: rollout until all have reported", 240.0, "s", 120.0),
        Figure("speed | of light", 3e8, "m/s", peer="Rømer & others"),
        Figure("not measured", None, "s", peer="needs a telescope"),
    ]
    Run("fleet", 7, quick=False, started="2026-01-02T03:04:05+00:00", figures=figures).save(results)

    page = write_report(results, docs).read_text()

    assert "1 of 2 targets are met" in page
    assert (
        "| 10000 devices: rollout until all have reported | 240 | s | ≤ 120 | **no** |  |" in page
    )
    assert "| speed \\| of light | 300,000,000 | m/s |  |  | Rømer & others |" in page
    assert "| not measured | - | s |  |  | needs a telescope |" in page
    plots = [ElementTree.parse(path) for path in sorted((docs / "images").iterdir())]
    assert len(plots) == 2
    assert "2.5 x" in (docs / "images" / "benchmarks-targets.svg").read_text()


def test_what_is_not_shown_is_counted(tmp_path: Path) -> None:
    figures = [Figure(f"figure {number}", 1.0, "s") for number in range(70)]
    Run("many", 7, quick=False, started="now", figures=figures).save(tmp_path)

    page = write_report(tmp_path, tmp_path).read_text()

    assert "10 more are in [`many.json`]" in page
    assert "figure 59" in page
    assert "figure 60" not in page
    assert json.loads((tmp_path / "many.json").read_text())["seed"] == 7


def test_the_meter_counts_both_ways_and_the_segments_that_carry_it() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ByteMeter(f"mqtt://127.0.0.1:{server.getsockname()[1]}") as meter,
    ):

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100) * 3)

        thread = threading.Thread(target=answer)
        thread.start()
        host, port = meter.url.removeprefix("mqtt://").split(":")
        with socket.create_connection((host, int(port))) as device:
            device.sendall(b"12345")
            heard = b""
            while chunk := device.recv(100):
                heard += chunk
        thread.join()
        traffic = meter.traffic

    assert heard == b"12345" * 3
    assert traffic.payload_bytes == 20
    assert traffic.segments >= 4
    assert traffic.wire_bytes == 20 + 52 * traffic.segments
