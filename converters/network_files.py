"""Networks from files: which of them can be loaded, which run code when they are, and which cannot.

PyTorch's loader of exported programs unpickles parts of them as well, so only Keras' own format can
be loaded without trust.
"""

import importlib
import os
import sys
import zipfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from converters.loading import loaded, require_trust
from converters.optional import needing
from edge_contract.errors import UsageError

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["NETWORK_FILES", "load_network", "why_not"]

_PROGRAM: Final = ".pt2"
_PICKLES: Final = (".pt", ".pth")

NETWORK_FILES: Final = (".keras", _PROGRAM, *_PICKLES)
"""Endings of the files that :func:`load_network` reads."""

_NOT_READ: Final = {
    ".ckpt": "holds weights without the network",
    ".h5": "may run code when it is loaded: load it in Keras and save it as .keras",
    ".hdf5": "may run code when it is loaded: load it in Keras and save it as .keras",
    ".safetensors": "holds weights without the network",
    ".tflite": "is for TensorFlow Lite alone: convert the model that it was made of",
}
_IN_PYTHON: Final = (
    "load the weights into the network in Python, and call edgefleet.convert(network, X, ...)"
)


def why_not(path: Path) -> str:
    """Return why a file of a kind that is known is not read; empty for other kinds."""
    reason = _NOT_READ.get(path.suffix.lower(), "")
    return f"{reason}: {_IN_PYTHON}" if reason.endswith("network") else reason


def load_network(path: Path, *, is_trusted: bool) -> object:
    """Return the network in a file.

    Args:
        path: ``.keras``; ``.pt2`` as ``torch.export.save`` writes it; or a pickled module of
            PyTorch, ``.pt`` or ``.pth``.
        is_trusted: Whether it may run code: needed for all but ``.keras``.

    Raises:
        UsageError: It is not trusted, cannot be read, or holds no network.
    """
    suffix = path.suffix.lower()
    if suffix == ".keras":
        return _load_keras(path)
    if suffix in _PICKLES:
        _refuse_torchscript(path)
    with needing("torch"):
        torch = importlib.import_module("torch")
    if suffix == _PROGRAM:
        require_trust(path, is_trusted=is_trusted)
        return loaded(path, lambda: torch.export.load(path))
    if not is_trusted:
        _refuse_weights(path, _plain_content(torch, path))
    require_trust(path, is_trusted=is_trusted)
    found = loaded(path, lambda: torch.load(path, map_location="cpu", weights_only=False))
    _refuse_weights(path, found)
    return found


def _load_keras(path: Path) -> object:
    if "keras" not in sys.modules and "KERAS_BACKEND" not in os.environ:
        backend = "torch" if find_spec("torch") is not None else "jax"
        os.environ["KERAS_BACKEND"] = backend  # it would ask for TensorFlow, and only now listens
    with needing("keras"):
        keras = importlib.import_module("keras")
    return loaded(path, lambda: keras.saving.load_model(path, compile=False, safe_mode=True))


def _plain_content(torch: "ModuleType", path: Path) -> object:
    """Return what a file holds if it is nothing but numbers and names, which run no code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # noqa: BLE001  it holds more, or is damaged: the caller says what to do
        return None


def _refuse_weights(path: Path, content: object) -> None:
    if isinstance(content, Mapping):
        raise UsageError(f"{str(path)!r} holds weights without the network: {_IN_PYTHON}")


def _refuse_torchscript(path: Path) -> None:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    if any(name.endswith("/constants.pkl") for name in names):
        raise UsageError(
            f"{str(path)!r} is TorchScript, which PyTorch no longer exports: export the module "
            "that it was made of with torch.export, and save it as .pt2"
        )
