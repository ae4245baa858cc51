"""Loads files with libraries that may be missing and that raise all kinds of errors."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["library", "load_pickle", "load_skops", "loaded", "require_trust"]

_HARMLESS: Final = ("numpy.dtype",)
"""Types that skops asks about, and that it makes of nothing but numbers."""

_MAX_SAID: Final = 300


def library(name: str, distribution: str) -> "ModuleType":
    """Return a module; raises ``UsageError`` with what to install if it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(f"this needs {distribution}: pip install {distribution}") from error


def loaded(path: Path, load: Callable[[], object]) -> object:
    """Return what ``load`` makes of a file; whatever it raises becomes a ``UsageError``."""
    try:
        return load()
    except ImportError as error:
        raise UsageError(
            f"cannot read {str(path)!r}: it needs {error.name or error}: install it, or name its "
            "folder in PYTHONPATH"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{str(path)!r} is not written in UTF-8 (byte {error.object[error.start]:#04x} at "
            f"{error.start}): save it as UTF-8"
        ) from error
    except Exception as error:  # readers of files raise all kinds
        said = " ".join(str(error).split())[:_MAX_SAID] or "it is empty, or cut off"
        raise UsageError(f"cannot read {str(path)!r}: {type(error).__name__}: {said}") from error


def require_trust(path: Path, *, is_trusted: bool) -> None:
    """Raise ``UsageError`` for a file that may run code when it is loaded, unless it is trusted."""
    if not is_trusted:
        raise UsageError(
            f"{str(path)!r} is a pickle, and loading a pickle runs whatever code is in it: pass "
            "--trust-pickle if you made it yourself (in Python, load it and give the model), or "
            "save the model as .skops or .onnx"
        )


def load_pickle(path: Path, *, is_trusted: bool) -> object:
    """Return what a pickle holds; to load it runs whatever code is in it.

    Raises:
        UsageError: It is not trusted, or cannot be read.
    """
    require_trust(path, is_trusted=is_trusted)
    joblib = library("joblib", "scikit-learn")
    return loaded(path, lambda: joblib.load(path))


def load_skops(path: Path, trusted: Sequence[str]) -> object:
    """Return the estimator in a ``.skops`` file, which cannot run code.

    Args:
        path: The file.
        trusted: Full names of types beyond the usual ones that it may hold.

    Raises:
        UsageError: It holds other types, or cannot be read.
    """
    skops = library("skops.io", "skops")
    found = loaded(path, lambda: skops.get_untrusted_types(file=path))
    names = [str(name) for name in found] if isinstance(found, list | tuple | set) else []
    unknown = [name for name in names if name not in {*trusted, *_HARMLESS}]
    if unknown:
        raise UsageError(
            f"{str(path)!r} holds types that are not known to be safe: {', '.join(unknown)}; if "
            "you made the file, allow each with --trust-type, or save the model as .onnx"
        )
    return loaded(path, lambda: skops.load(path, trusted=[*trusted, *_HARMLESS]))
