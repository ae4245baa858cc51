"""Imports every benchmark, so that ``BENCHMARKS`` lists it."""

from benchmarks.conversion import conversion
from benchmarks.drift import drift
from benchmarks.gpu import gpu
from benchmarks.inference import inference
from benchmarks.ingest import ingest

__all__ = ["conversion", "drift", "gpu", "inference", "ingest"]
