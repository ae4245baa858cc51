"""Runs in Pyodide: import every module that a browser tab runs; print which Python and which."""

import importlib
import json
import pkgutil
import sys

names = []
for package in ("edge_contract", "edge_agent.core"):
    path = importlib.import_module(package).__path__
    names += [package, *(info.name for info in pkgutil.walk_packages(path, f"{package}."))]
for name in names:
    importlib.import_module(name)

print(json.dumps({"platform": sys.platform, "version": sys.version, "modules": sorted(names)}))  # noqa: T201
