"""onnxruntime, kept from telling its maker who runs what: import it from here and nowhere else.

This file is in ``edge_agent`` and in ``converters``, byte for byte the same; a test holds the
copies together.
"""

import os

# Read once, when the library is loaded. Without it an event leaves before anything can be asked.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]

onnxruntime.disable_telemetry_events()  # for a program that had loaded it before us
