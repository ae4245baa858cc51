"""Serves an ONNX model with BentoML: ``serve_bentoml.py MODEL PORT``, JSON at ``/predict``."""

import os
import sys
from pathlib import Path

import bentoml  # type: ignore[import-not-found]
import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, when the library is loaded

import onnxruntime


@bentoml.service(workers=1)
class OnnxService:
    """A model that onnxruntime runs."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options)
        self._input = self._session.get_inputs()[0].name

    @bentoml.api  # type: ignore[untyped-decorator]
    def predict(self, rows: list[list[float]]) -> dict[str, list[object]]:
        outputs = self._session.run(None, {self._input: np.asarray(rows, np.float32)})
        return {"outputs": [output.tolist() for output in outputs]}


if __name__ == "__main__":
    from bentoml_cli.cli import create_bentoml_cli  # type: ignore[import-not-found]

    os.environ["PEER_MODEL"] = sys.argv[1]
    os.environ["BENTOML_DO_NOT_TRACK"] = "1"
    os.chdir(Path(__file__).parent)
    sys.argv = [
        *("bentoml", "serve", "serve_bentoml:OnnxService"),
        *("--host", "127.0.0.1", "--port", sys.argv[2]),
    ]
    create_bentoml_cli()()
