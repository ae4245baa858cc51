"""Forests are loaded from a compiled form that says the same, and from ONNX if it is of no use."""

import hashlib
import os
import time
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.ensemble import RandomForestClassifier

from edge_agent.adapters.compiled_models import CompiledModels, is_worth_compiling
from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_contract.package import ArtifactRole, Package
from edgefleet import convert
from tests.support.packages import digits


@cache
def forest() -> tuple[Package, "np.ndarray[tuple[int, int], np.dtype[np.float32]]"]:
    """A forest of more than a megabyte, and rows."""
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(6000, 4)).astype(np.float32)
    truths = rng.integers(0, 2, 6000)
    model = RandomForestClassifier(20, random_state=3).fit(rows, truths)
    package = convert(model, rows, truths, name="forest", version="1.0.0", robustness=False)
    return package, rows[:50]


def digest_of(package: Package) -> str:
    return package.manifest.artifact(ArtifactRole.MODEL).digest


def test_only_forests_of_some_size_are_worth_it() -> None:
    assert is_worth_compiling(forest()[0].model())
    assert not is_worth_compiling(digits().package.model())
    assert not is_worth_compiling(bytes(2_000_000))


def test_all_but_the_first_forest_are_compiled_and_say_the_same(tmp_path: Path) -> None:
    package, rows = forest()
    engine = OnnxRuntimeEngine()
    compiled = CompiledModels(tmp_path / "compiled", outlives_us=False)
    engine.keep_compiled(compiled)

    first = engine.load(package).run({"X": rows})
    assert not (tmp_path / "compiled").exists()
    second = engine.load(package).run({"X": rows})

    path = compiled.path(digest_of(package))
    assert path is not None
    assert [found.tolist() for found in first] == [found.tolist() for found in second]
    assert (tmp_path / "compiled").stat().st_mode & 0o777 == 0o700


def test_a_start_that_settles_compiles_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.adapters.compiled_models._SETTLED_S", 0.0)
    package, rows = forest()
    compiled = CompiledModels(tmp_path, outlives_us=True)
    engine = OnnxRuntimeEngine()
    engine.keep_compiled(compiled)
    engine.load(package)
    ends_s = time.monotonic() + 60.0
    while compiled.path(digest_of(package)) is None:
        assert time.monotonic() < ends_s
        time.sleep(0.05)

    later = OnnxRuntimeEngine()
    later.keep_compiled(CompiledModels(tmp_path, outlives_us=True))
    before = {path.name for path in tmp_path.iterdir()}

    assert len(later.load(package).run({"X": rows})[0]) == 50
    assert {path.name for path in tmp_path.iterdir()} == before


def test_what_is_damaged_is_not_loaded(tmp_path: Path) -> None:
    package, rows = forest()
    compiled = CompiledModels(tmp_path, outlives_us=False)
    path = compiled.compile(digest_of(package), package.model())
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))

    assert compiled.path(digest_of(package)) is None
    engine = OnnxRuntimeEngine()
    engine.keep_compiled(compiled)
    assert len(engine.load(package).run({"X": rows})[0]) == 50


def test_what_the_runtime_cannot_load_is_removed(tmp_path: Path) -> None:
    package, rows = forest()
    compiled = CompiledModels(tmp_path, outlives_us=False)
    path = compiled.compile(digest_of(package), package.model())
    assert path is not None
    path.write_bytes(b"of another runtime")
    found = hashlib.sha256(b"of another runtime").hexdigest()
    path.with_suffix(".json").write_text(f'"{found}"')

    engine = OnnxRuntimeEngine()
    engine.keep_compiled(compiled)

    assert len(engine.load(package).run({"X": rows})[0]) == 50
    assert not path.exists()


def test_a_model_that_cannot_be_compiled_leaves_nothing(tmp_path: Path) -> None:
    compiled = CompiledModels(tmp_path / "compiled", outlives_us=False)
    assert compiled.compile("sha256:" + "0" * 64, b"no model") is None
    assert not list((tmp_path / "compiled").iterdir())


def test_after_the_end_nothing_is_compiled(tmp_path: Path) -> None:
    compiled = CompiledModels(tmp_path, outlives_us=True)
    compiled.close()
    assert compiled.compile(digest_of(forest()[0]), forest()[0].model()) is None
    assert not list(tmp_path.iterdir())


def test_the_latest_three_are_kept(tmp_path: Path) -> None:
    compiled = CompiledModels(tmp_path, outlives_us=True)
    for number in range(4):
        for suffix in ("ort", "json"):
            old = tmp_path / f"{number}.{suffix}"
            old.write_text("1")
            os.utime(old, (number, number))

    compiled.compile(digest_of(forest()[0]), forest()[0].model())

    kept = {path.stem for path in tmp_path.glob("*.ort")}
    assert len(kept) == 3
    assert kept > {"2", "3"}
    assert {path.stem for path in tmp_path.glob("*.json")} == kept


@pytest.mark.parametrize(("operator", "suffixes"), [("SampleOp", []), ("FastGelu", [".ort"])])
def test_a_model_that_may_do_harm_is_not_compiled(
    tmp_path: Path, operator: str, suffixes: list[str]
) -> None:
    graph = helper.make_graph(
        [helper.make_node(operator, ["x"], ["y"], domain="com.microsoft")],
        operator,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2])],
    )
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9).SerializeToString()
    onnxruntime.InferenceSession(model)  # the runtime itself takes both

    found = CompiledModels(tmp_path, outlives_us=True).compile("sha256:0", model)

    assert (found is None) == (suffixes == [])
    assert [path.suffix for path in tmp_path.glob("*.ort")] == suffixes
    assert list(tmp_path.glob("*.onnx")) == []
