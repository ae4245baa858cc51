"""Runs in Pyodide: print what the contract of the browser and the vectors do not agree on."""

import json

from tests.vectors.check import differences

print(json.dumps(differences()))  # noqa: T201
