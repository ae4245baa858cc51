"""Brings a model into the runtime's own form: ``python -m edge_agent.compiling FILE``.

Reads ONNX from standard input and writes the file. Ends with another code than 0 if that fails, or
if looking at the model says that it may do harm: to look at a large one takes long, and would hold
up the process that serves.
"""

import os
import sys
from typing import Final

from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_contract.onnx_file import require_safe_model

__all__ = ["main"]

_QUIET: Final = 4
_LOWEST: Final = 19


def main(arguments: list[str]) -> None:
    """Write the model that comes in."""
    if hasattr(os, "nice"):
        os.nice(_LOWEST)
    (path,) = arguments
    model = sys.stdin.buffer.read()
    require_safe_model(model, what="model")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _QUIET
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = path
    options.add_session_config_entry("session.save_model_format", "ORT")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main(sys.argv[1:])
