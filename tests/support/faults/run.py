"""``python -m tests.support.faults.run ORDER``: one story, within a world of its own."""

import sys
import warnings

import tests.support.faults.all_stories  # noqa: F401  lists them
from tests.support.faults.world import happen

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(f"{happen(sys.argv[1])}\n")
