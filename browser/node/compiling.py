"""Runs in the browser's own Python, under node: prunes and compiles what a tab loads.

The working folder holds ``python_stdlib.zip`` as npm has it, and ``core.zip`` with
``roots.json``, the modules that a tab imports. They are imported here, and what was not needed for
that is left out: of the standard library and of other people's packages, not of ours. Then
pyodide-build compiles both archives, and leaves them uncompressed: servers compress better than zip
files do.
"""

import ast
import contextlib
import importlib
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_STDLIB: Final = Path("python_stdlib.zip")
_CORE: Final = Path("core.zip")
_OURS: Final = ("browser/", "edge_agent/", "edge_contract/")
_CODECS: Final = "encodings/"
"""The one package of which a tab needs little."""
_LATE: Final = (
    *("_colorize", "_pylong", "_strptime", "annotationlib", "calendar", "copyreg", "linecache"),
    *("locale", "reprlib", "textwrap", "tokenize", "traceback"),
)
"""What CPython itself imports when it is needed: for dates, large numbers and errors."""
_TEXTS: Final = ("ascii", "cp437", "idna", "latin_1", "unicode_escape", "utf_8", "utf_8_sig")


def main() -> None:
    """Prune and compile both archives."""
    sys.path.insert(0, str(_CORE.resolve()))
    for name in json.loads(Path("roots.json").read_text()):
        importlib.import_module(name)
    with zipfile.ZipFile(_CORE) as core:
        late = {name for path in core.namelist() for name in _imported_late(core, path)}
    for name in (*sorted(late), *_LATE, *(f"encodings.{name}" for name in _TEXTS)):
        with contextlib.suppress(ImportError):  # of systems that a browser is not
            importlib.import_module(name)
    with zipfile.ZipFile(_STDLIB) as stdlib:
        packages = {f"{name.split('/')[0]}/" for name in stdlib.namelist() if "/" in name}
    loaded = {name for name in packages - {_CODECS} if name.rstrip("/") in sys.modules}
    _prune(_STDLIB, tuple(loaded))  # whole packages: they import parts of themselves late
    _prune(_CORE, _OURS)
    _compile(_STDLIB, _CORE)


def _imported_late(archive: zipfile.ZipFile, path: str) -> Iterator[str]:
    """Yield the modules that functions of a module that is loaded import when they are called."""
    if not path.endswith(".py") or _module(path) not in sys.modules:
        return
    for outer in ast.walk(ast.parse(archive.read(path))):
        if isinstance(outer, ast.FunctionDef):
            for node in ast.walk(outer):
                if isinstance(node, ast.Import):
                    yield from (alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    yield node.module


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _prune(archive: Path, whole: tuple[str, ...]) -> None:
    """Leave in an archive the modules that were loaded, and these packages whole."""
    with zipfile.ZipFile(archive) as old:
        kept = {
            name: old.read(name)
            for name in old.namelist()
            if name.endswith(".py") and (name.startswith(whole) or _module(name) in sys.modules)
        }
    with zipfile.ZipFile(archive, "w") as new:
        for name, data in kept.items():
            new.writestr(zipfile.ZipInfo(name), data)


def _compile(*archives: Path) -> None:
    """Put compiled modules in place of sources, by the command of pyodide-build."""
    sys.path.remove(str(_CORE.resolve()))
    py_compile = importlib.import_module("pyodide_build.cli.py_compile")
    for archive in archives:
        words = [str(archive), "--silent", "--compression-level", "0"]
        py_compile.main(words, standalone_mode=False)


if __name__ == "__main__":
    main()
