"""How the programs log: one line per fact on standard error."""

import logging
import os

__all__ = ["log_to_stderr"]


def log_to_stderr() -> None:
    """Log our own facts from ``EDGEFLEET_LOG`` (by default ``info``) on, others' warnings."""
    logging.basicConfig(format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", level="WARNING")
    level = os.environ.get("EDGEFLEET_LOG", "info").upper()
    known = level in logging.getLevelNamesMapping()
    logging.getLogger("edgefleet").setLevel(level if known else "INFO")
