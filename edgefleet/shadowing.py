"""Refuses to import somebody else's package in place of one of ours.

Two of our packages have names that people like as well (``docs/adr/0001``). A ``converters.py``
beside a user's script would be imported before ours; this says so, where Python would only report
that some module cannot be found.
"""

import importlib.util
from pathlib import Path

from edge_contract.errors import UsageError

__all__ = ["require_own_package"]


def require_own_package(name: str, *, home: Path | None = None) -> None:
    """Check that importing ``name`` would give the package that is installed beside ``edgefleet``.

    Args:
        name: A top-level package of this distribution, for example ``"converters"``.
        home: The folder that holds our packages; by default the one that holds ``edgefleet``.

    Raises:
        UsageError: Another module of that name comes first on the path; the message names its file.
    """
    ours = (home or Path(__file__).resolve().parents[1]) / name / "__init__.py"
    spec = importlib.util.find_spec(name)
    found = spec.origin if spec is not None else None
    if found is None or Path(found).resolve() != ours:
        raise UsageError(
            f"package {name!r} of edgefleet is hidden: Python would import {found!r} instead of "
            f"{str(ours)!r}; rename that file or folder, or run from another folder"
        )
