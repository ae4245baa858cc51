"""Modules of the standard library that are loaded when something of them is used."""

import importlib
import importlib.util
import sys
import threading
from collections.abc import Collection
from types import ModuleType

__all__ = ["LaterModule", "import_later"]


def import_later(*names: str) -> None:
    """Let ``import`` of these modules cost nothing until something of them is used.

    For libraries that import what few of their users need: TLS, HTTP and mail take 8 MB. Whoever
    else imports them sees no difference. Those that are loaded already stay as they are.
    """
    for name in names:
        if name not in sys.modules and importlib.util.find_spec(name) is not None:
            later = LaterModule(name)
            sys.modules[name] = later
            parent, _, child = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], child, later)


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
