"""Deltas made with one zstd library are applied with the other: here, and in a browser tab."""

import json
from pathlib import Path

from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Delta, Method, apply_delta, make_delta
from edge_contract.package import digest_of
from tests.pyodide.harness import CORE, run_in_pyodide
from tests.support.onnx_files import dense_model

SCRIPT = """
import json

from edge_agent.adapters.zstd import Zstd
from edge_contract.delta import Delta, Method, apply_delta, make_delta
from edge_contract.errors import PackageError
from edge_contract.package import digest_of

old, new = bytes.fromhex(OLD), bytes.fromhex(NEW)

def applied(text, size_bytes):
    delta = Delta.from_bytes(bytes.fromhex(text))
    try:
        return digest_of(apply_delta(
            old, delta, digest=digest_of(new), max_bytes=size_bytes, compressions=(Zstd(),)
        ))
    except PackageError:
        return "refused"

made = [make_delta(old, new, compression=Zstd(), methods=[method]) for method in Method]
print(json.dumps({
    "applied": [applied(text, len(new)) for text in DELTAS],
    "cut": [applied(text[:-2], len(new)) for text in DELTAS],
    "longer": [applied(text + "00", len(new)) for text in DELTAS],
    "made": [delta.to_bytes().hex() for delta in made],
}))
"""


def test_deltas_go_from_here_to_a_browser_tab_and_back(tmp_path: Path) -> None:
    weights = [0.01 * (number * 7919 % 1009) - 5.0 for number in range(1, 500)]
    old, new = dense_model(weights), dense_model([weight * 1.001 for weight in weights])
    deltas = [
        make_delta(old, new, compression=Zstd(), methods=[method]).to_bytes().hex()
        for method in Method
    ]
    script = tmp_path / "swap_deltas.py"
    given = f"OLD = {old.hex()!r}\nNEW = {new.hex()!r}\nDELTAS = {json.dumps(deltas)}\n"
    script.write_text(given + SCRIPT)
    adapter = ("edge_agent/adapters/__init__.py", "edge_agent/adapters/zstd.py")

    answer = run_in_pyodide(script, trees=(*CORE, *adapter))

    assert isinstance(answer, dict)
    assert answer["applied"] == [digest_of(new)] * 3
    assert answer["cut"] == answer["longer"] == ["refused"] * 3
    made = answer["made"]
    assert isinstance(made, list)
    assert len(made) == 3
    for text in made:
        delta = Delta.from_bytes(bytes.fromhex(str(text)))
        back = apply_delta(
            old, delta, digest=digest_of(new), max_bytes=len(new), compressions=(Zstd(),)
        )
        assert back == new
