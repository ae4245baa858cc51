"""Imports every benchmark, so that ``BENCHMARKS`` lists it."""

from benchmarks.inference import inference
from benchmarks.ingest import ingest

__all__ = ["inference", "ingest"]
