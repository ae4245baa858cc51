"""Imports every benchmark, so that ``BENCHMARKS`` lists it."""

from benchmarks.drift import drift
from benchmarks.inference import inference
from benchmarks.ingest import ingest

__all__ = ["drift", "inference", "ingest"]
