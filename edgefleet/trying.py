"""Tries a package before it is pushed, where there is a runtime to try it with."""

import sys
from importlib.util import find_spec

from edge_contract.package import Package

__all__ = ["try_package"]


def try_package(package: Package) -> None:
    """Run a package's golden vectors in a process of its own, with limits on time and memory.

    Where that cannot be done, a note on standard error says why: devices will try it.

    Raises:
        PackageError: It does other things here than its author saw, takes too much, or crashes.
        UnavailableError: This machine ended the trial for want of memory.
    """
    if find_spec("onnxruntime") is None:
        _note("onnxruntime is not installed")
        return
    from edge_agent.adapters.trial_process import CannotTryError, TrialProcess

    try:
        TrialProcess().require_harmless(package)
    except CannotTryError as error:
        _note(str(error))


def _note(reason: str) -> None:
    sys.stderr.write(f"note: not tried here: {reason}\n")
