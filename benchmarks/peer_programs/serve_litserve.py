"""Serves an ONNX model with LitServe: ``serve_litserve.py MODEL PORT``, JSON at ``/predict``."""

import os
import sys

import litserve  # type: ignore[import-not-found]
import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read once, when the library is loaded

import onnxruntime


class _Api(litserve.LitAPI):  # type: ignore[misc]
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(sys.argv[1], options)
        self._input = self._session.get_inputs()[0].name

    def decode_request(self, request: dict[str, object]) -> object:
        return np.asarray(request["rows"], np.float32)

    def predict(self, rows: object) -> object:
        return self._session.run(None, {self._input: rows})

    def encode_response(self, outputs: list[object]) -> dict[str, object]:
        return {"outputs": [output.tolist() for output in outputs]}  # type: ignore[attr-defined]


if __name__ == "__main__":
    server = litserve.LitServer(_Api(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[2]), log_level="error", generate_client_file=False
    )
