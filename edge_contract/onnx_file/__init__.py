"""ONNX files that nobody vouches for: looked over without any library, before anything runs."""

from edge_contract.onnx_file.inspection import require_safe_model
from edge_contract.onnx_file.limits import ModelLimits

__all__ = ["ModelLimits", "require_safe_model"]
