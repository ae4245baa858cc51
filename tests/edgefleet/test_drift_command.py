"""``edgefleet drift`` in this process: no cloud, no device."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefleet.__main__ import main
from tests.edgefleet.conftest import Outcome


@pytest.fixture
def drift(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Outcome]:
    """Calls the command in a folder that holds a reference and two other files."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    for name, shift in (("reference", 0.0), ("same", 0.0), ("moved", 1.0)):
        rows = rng.normal((shift, 0.0), 1.0, size=(3000, 2))
        np.savetxt(f"{name}.csv", rows, fmt="%.5f", delimiter=",", header="a,b", comments="")

    def call(*words: str) -> Outcome:
        monkeypatch.setattr("sys.argv", ["edgefleet", "drift", *words])
        try:
            main()
            code: object = 0
        except SystemExit as ended:
            code = ended.code
        assert isinstance(code, int)
        return Outcome(code, *capsys.readouterr())

    return call


def test_a_script_learns_the_verdict_from_the_exit_code(drift: Callable[..., Outcome]) -> None:
    assert drift("reference.csv", "same.csv").code == 0
    assert drift("reference.csv", "moved.csv").code == 3
    assert drift("reference.csv", "nothing.csv").code == 2
    assert drift("reference.csv", "moved.csv", "--html", "no/such/folder.html").code == 1


def test_a_person_reads_what_drifted(drift: Callable[..., Outcome]) -> None:
    shown = drift("reference.csv", "moved.csv")

    assert "moved.csv against reference.csv, 3,000 rows" in shown.out
    assert "✗ 1 of 2 columns drifted" in shown.out
    assert "below 5,000 only larger changes" in shown.out
    assert shown.err == ""


def test_json_holds_the_statistics_and_the_verdict(drift: Callable[..., Outcome]) -> None:
    told = json.loads(drift("reference.csv", "moved.csv", "--json").out)

    assert told["drifted"] is True
    assert told["false_alarms"] == 0.01
    first, second = told["statistics"]["features"]
    assert (first["subject"], first["drifted"]) == ("feature:a", True)
    assert (second["subject"], second["drifted"]) == ("feature:b", False)
    assert first["wasserstein"] == pytest.approx(1.0, abs=0.2)


def test_the_report_is_one_file(drift: Callable[..., Outcome], tmp_path: Path) -> None:
    before = {path.name for path in tmp_path.iterdir()}

    shown = drift("reference.csv", "moved.csv", "--html", "report.html")

    assert shown.out == "1 of 2 columns drifted; the report is in report.html\n"
    assert {path.name for path in tmp_path.iterdir()} - before == {"report.html"}
    assert (tmp_path / "report.html").read_text("utf-8").startswith("<!doctype html>")


def test_a_missing_library_is_named_with_its_extra(
    drift: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "rows.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)

    refused = drift("rows.parquet", "same.csv")

    assert refused.code == 2
    assert "reading Parquet needs pyarrow: pip install 'edgefleet[parquet]'" in refused.err


def test_texts_of_people_are_printed_nowhere(drift: Callable[..., Outcome], tmp_path: Path) -> None:
    lines = [f"{n},oslo,person-{n}@example.org" for n in range(2000)]
    rare = [f"{n},secret-{n % 1000},person-{n}@example.org" for n in range(2000)]
    (tmp_path / "a.csv").write_text("\n".join(["n,city,mail", *lines]))
    (tmp_path / "b.csv").write_text("\n".join(["n,city,mail", *rare]))

    drift("a.csv", "b.csv", "--html", "report.html")
    printed = drift("a.csv", "b.csv").out + drift("a.csv", "b.csv", "--json").out

    for text in (printed, (tmp_path / "report.html").read_text("utf-8")):
        assert "oslo" in text
        assert "person-" not in text
        assert "secret-" not in text
