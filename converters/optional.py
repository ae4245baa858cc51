"""Says what to install where an optional framework is missing."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager

from edge_contract.errors import UsageError
from edge_contract.reading import JsonObject

__all__ = ["needing", "versions_of"]


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """While entered, turns a failed import into the command that mends it.

    Args:
        extra: The extra of the distribution that brings what is imported.

    Raises:
        UsageError: An import failed.
    """
    try:
        yield
    except ImportError as error:
        raise UsageError(
            f"this needs {error.name or error}: pip install 'edgefleet[{extra}]'"
        ) from error


def versions_of(*distributions: str) -> JsonObject:
    """Return the versions of what is installed, by name."""
    return {name: importlib.metadata.version(name) for name in distributions}
