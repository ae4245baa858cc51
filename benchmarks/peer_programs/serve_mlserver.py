"""Serves an ONNX model with MLServer by protocol v2: ``serve_mlserver.py MODEL PORT WORKERS``."""

import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from mlserver import MLModel  # type: ignore[import-not-found]
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]
from mlserver.types import (  # type: ignore[import-not-found]
    InferenceRequest,
    InferenceResponse,
)

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, when the library is loaded

import onnxruntime


class OnnxModel(MLModel):  # type: ignore[misc]
    """A model that onnxruntime runs."""

    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["PEER_MODEL"], options)
        self._input = self._session.get_inputs()[0].name
        self._names = [output.name for output in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        outputs = self._session.run(None, {self._input: rows})
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output(name, output)
                for name, output in zip(self._names, outputs, strict=True)
            ],
        )


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


if __name__ == "__main__":
    from mlserver.cli import main  # type: ignore[import-not-found]

    os.environ["PEER_MODEL"] = sys.argv[1]
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        settings = {
            "host": "127.0.0.1",
            "http_port": int(sys.argv[2]),
            "grpc_port": _free_port(),
            "metrics_port": _free_port(),
            "parallel_workers": int(sys.argv[3]),
            "debug": False,
        }
        model = {"name": "digits", "implementation": "serve_mlserver.OnnxModel"}
        (here / "settings.json").write_text(json.dumps(settings))
        (here / "model-settings.json").write_text(json.dumps(model))
        os.environ["PYTHONPATH"] = str(Path(__file__).parent)
        sys.path.insert(0, os.environ["PYTHONPATH"])
        sys.argv = ["mlserver", "start", folder]
        main()
