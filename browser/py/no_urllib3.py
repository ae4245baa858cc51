"""Leaves urllib3 out of a tab: python-tuf imports it for a fetcher that a tab never uses.

In a browser it would start a worker of its own, which pages with a strict policy forbid.
"""

import sys
from types import ModuleType
from typing import Final

__all__: list[str] = []

_NAME: Final = "tuf.ngclient.urllib3_fetcher"

if sys.platform == "emscripten":
    module = ModuleType(_NAME)
    module.__dict__["Urllib3Fetcher"] = object
    sys.modules[_NAME] = module
