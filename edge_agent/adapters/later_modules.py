"""Modules of the standard library that are loaded when something of them is used."""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import ModuleType

__all__ = ["LaterModule", "imported_later"]


@contextmanager
def imported_later(*names: str) -> Iterator[None]:
    """Let ``import`` of these modules cost nothing, in a block, until something of them is used.

    For a library that imports what few of its users need: TLS, HTTP and mail take 8 MB. What is
    imported in the block keeps the stand-ins; whoever imports later gets the modules themselves.
    Those that are loaded already stay as they are.
    """
    standing: list[LaterModule] = []
    for name in names:
        if name not in sys.modules and importlib.util.find_spec(name) is not None:
            sys.modules[name] = later = LaterModule(name)
            standing.append(later)
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, later)
    try:
        yield
    finally:
        for later in standing:
            if sys.modules.get(later.__name__) is later:
                del sys.modules[later.__name__]


class LaterModule(ModuleType):
    """Stands where a module was imported; any thread may be the first that uses it.

    ``importlib.util.LazyLoader`` would do, were two threads not able to meet in it.

    Args:
        name: Of the module.
        unraised: Exceptions of it that stand in ``except`` clauses, and that nobody can have raised
            before it was loaded; asking for them does not load it.
    """

    def __init__(self, name: str, *, unraised: Collection[str] = ()) -> None:
        super().__init__(name)
        self.__dict__["_loading"] = threading.RLock()
        self.__dict__["_unraised"] = frozenset(unraised)

    def __getattr__(self, attribute: str) -> object:
        """Load the module and take everything over that is in it."""
        name = self.__name__
        is_loaded = not isinstance(sys.modules.get(name), LaterModule | None)
        if attribute in self.__dict__["_unraised"] and not is_loaded:
            return ()
        with self.__dict__["_loading"]:
            if isinstance(sys.modules.get(name), LaterModule):
                del sys.modules[name]
            real = importlib.import_module(name)
            self.__dict__.update(real.__dict__)
        return getattr(real, attribute)
