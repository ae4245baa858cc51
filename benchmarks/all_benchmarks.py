"""Imports every benchmark, so that ``BENCHMARKS`` lists it."""

from benchmarks.arm import arm
from benchmarks.browser import browser
from benchmarks.bytes_a_month import bytes  # noqa: A004  what it is called by
from benchmarks.calibration import calibration
from benchmarks.cells import cells
from benchmarks.collectors import collectors
from benchmarks.conversion import conversion
from benchmarks.deltas import deltas
from benchmarks.drift import drift
from benchmarks.faults import faults
from benchmarks.fleet import fleet
from benchmarks.fuzz import fuzz
from benchmarks.gpu import gpu
from benchmarks.inference import inference
from benchmarks.ingest import ingest
from benchmarks.offline import offline
from benchmarks.powercuts import powercuts
from benchmarks.rollouts import rollouts
from benchmarks.serving import serving
from benchmarks.variants import variants

__all__ = [
    "arm",
    "browser",
    "bytes",
    "calibration",
    "cells",
    "collectors",
    "conversion",
    "deltas",
    "drift",
    "faults",
    "fleet",
    "fuzz",
    "gpu",
    "inference",
    "ingest",
    "offline",
    "powercuts",
    "rollouts",
    "serving",
    "variants",
]
