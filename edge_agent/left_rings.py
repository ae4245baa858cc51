"""Removes rings whose state folder is gone.

Rings lie on a memory file system, apart from the state folder that they belong to. Whoever deletes
that folder does not know of them, and they would take memory until the next reboot.
"""

import contextlib
from pathlib import Path
from typing import Final

from edge_agent.adapters.durable_files import remove_folder

__all__ = ["claim_rings", "sweep_rings"]

_OWNER: Final = "state-folder"


def claim_rings(rings: Path, state: Path) -> None:
    """Note beside the rings which state folder they belong to."""
    with contextlib.suppress(OSError):  # without room for it the rings are merely never swept
        (rings / _OWNER).write_text(str(state.resolve()))


def sweep_rings(rings: Path) -> None:
    """Remove this user's other ring folders beside ``rings`` whose state folder is gone."""
    prefix = rings.name.rpartition("-")[0]
    if not prefix:  # they lie in the state folder itself
        return
    for other in rings.parent.glob(f"{prefix}-*"):
        with contextlib.suppress(OSError):  # another agent may sweep at the same time
            owner = (other / _OWNER).read_text()
            if owner and not Path(owner).exists():
                remove_folder(other)
