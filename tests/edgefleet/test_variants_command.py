"""Variants on the command line: made by ``convert``, shown by ``inspect``, chosen by ``agent``."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_agent.agent import Agent
from tests.edgefleet.conftest import Outcome
from tests.support.memory_cloud import MemoryCloud
from tests.support.packages import digits, network, reversed_digits
from tests.support.variant_packages import exact_and_reversed
from tests.support.views import device

Run = Callable[..., Outcome]


@pytest.fixture
def network_files(tmp_path: Path) -> tuple[str, ...]:
    """A network as ONNX and its rows, as ``convert`` takes them."""
    example = network(inputs=600)
    model, data = tmp_path / "net.onnx", tmp_path / "rows.npz"
    model.write_bytes(example.package.model())
    np.savez(data, x=example.rows, y=example.labels)
    return ("convert", str(model), "--data", str(data), "--version", "1.0.0", "--no-robustness")


@pytest.fixture
def package(tmp_path: Path) -> str:
    path = tmp_path / "digits.modelpkg"
    path.write_bytes(exact_and_reversed().to_archive())
    return str(path)


def test_convert_shows_what_was_tried_and_inspect_shows_it_again(
    run: Run, tmp_path: Path, network_files: tuple[str, ...]
) -> None:
    out = ("--out", str(tmp_path / "dist"))

    done = run(*network_files, *out, "--variants", "int8", "--max-accuracy-loss", "0.05")

    assert done.code == 0
    assert "Variants (300 rows judged by labels, a loss of 0.05 allowed)" in done.out
    assert "static" in done.out
    card = run("inspect", str(tmp_path / "dist" / "net-1.0.0.modelpkg"), "--markdown")
    assert "| int8 | static |" in card.out
    assert "| model.int8.onnx | model |" in card.out


def test_scripts_get_every_figure(run: Run, tmp_path: Path, network_files: tuple[str, ...]) -> None:
    out = ("--out", str(tmp_path / "dist"), "--json")

    done = run(*network_files, *out, "--variants", "int8", "--max-accuracy-loss", "0.05")

    found = json.loads(done.out)["variants"]
    assert (found["calibrated_on_rows"], found["judged_on_rows"]) == (100, 300)
    kept = found["tried"][-1]
    assert kept["kept"] is True
    assert [it["rows"] for it in kept["latency"]] == [1, 32]


def test_without_the_option_nothing_is_said_of_variants(
    run: Run, tmp_path: Path, network_files: tuple[str, ...]
) -> None:
    done = run(*network_files, "--out", str(tmp_path / "dist"))
    assert done.code == 0
    assert "Variants" not in done.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--variants", "int4"), "variants 'int4' is unknown: choose from int8, auto, none"),
        (
            ("--variants", "int8", "--max-accuracy-loss", "2"),
            "max_accuracy_loss must be a fraction from 0 to 1, got 2.0",
        ),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_written(
    run: Run,
    tmp_path: Path,
    network_files: tuple[str, ...],
    options: tuple[str, ...],
    message: str,
) -> None:
    done = run(*network_files, "--out", str(tmp_path / "dist"), *options)
    assert done.code != 0
    assert message in done.err
    assert not (tmp_path / "dist").exists()


def test_rows_are_scored_by_the_variant_that_was_asked_for(
    run: Run, tmp_path: Path, package: str
) -> None:
    rows, target = tmp_path / "rows.npz", tmp_path / "answers.jsonl"
    np.savez(rows, X=digits().rows[:20])

    done = run(
        "agent", "score", str(rows), str(target), "--model", package, "--variant", "smallest"
    )

    assert done.code == 0
    answers = [json.loads(line)["label"] for line in target.read_text().splitlines()]
    assert answers == reversed_digits().labels[:20].tolist()


def test_the_status_tells_which_variant_serves(run: Run, tmp_path: Path, package: str) -> None:
    with Agent(package, state=tmp_path / "state", device="cam-7", variant="smallest") as agent:
        agent.wait_ready()

    done = run("agent", "status", "--state", str(tmp_path / "state"))

    assert "digits (int8) runs on CPUExecutionProvider" in done.out


def test_the_cloud_shows_which_variant_a_device_runs_and_why(
    run: Run, backend: MemoryCloud
) -> None:
    view = device("cam-01")
    report = view.models["digits"]
    assert isinstance(report, Mapping)
    told = {**report, "variant": "fp32", "fallback": "variant int8: it fails its golden vectors"}
    backend.put_device(replace(view, models={"digits": told}))

    shown = run("fleet", "device", "cam-01").out

    assert "digits runs on" in shown
    assert "CPUExecutionProvider (fp32): variant int8: it fails its golden vectors" in shown


def test_an_unknown_policy_is_refused(run: Run, tmp_path: Path, package: str) -> None:
    rows = tmp_path / "rows.npz"
    np.savez(rows, X=digits().rows[:2])
    target = tmp_path / "answers.jsonl"
    done = run("agent", "score", str(rows), str(target), "--model", package, "--variant", "best")
    assert done.code != 0
    assert "variant 'best' is unknown: choose from exact, smallest, fastest" in done.err
    assert not target.exists()
