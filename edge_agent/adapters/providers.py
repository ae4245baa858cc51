"""Execution providers: which are wished for, which onnxruntime has here, and why not others."""

import ctypes
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeAlias

from edge_agent.adapters.silent_onnxruntime import onnxruntime
from edge_contract.errors import UsageError
from edge_contract.reading import JsonValue

__all__ = ["CPU", "NAMES", "Choice", "choices_of", "missing_reason", "runtime_facts"]

CPU: Final = "CPUExecutionProvider"

NAMES: Final[Mapping[str, str]] = {
    "cpu": CPU,
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""What people write, and what onnxruntime calls it."""

_AUTO: Final = ("cuda", "directml", "coreml", "openvino", "cpu")
"""TensorRT is not among them: it builds an engine for minutes before the first prediction."""

_INSTALL: Final[Mapping[str, str]] = {
    "CUDAExecutionProvider": "onnxruntime-gpu (pip install 'edgefleet[gpu]')",
    "TensorrtExecutionProvider": "onnxruntime-gpu and TensorRT",
    "OpenVINOExecutionProvider": "onnxruntime-openvino",
    "CoreMLExecutionProvider": "onnxruntime on macOS",
    "DmlExecutionProvider": "onnxruntime-directml on Windows",
}
_LIBRARIES: Final[Mapping[str, str]] = {
    "CUDAExecutionProvider": "libonnxruntime_providers_cuda.so",
    "TensorrtExecutionProvider": "libonnxruntime_providers_tensorrt.so",
    "OpenVINOExecutionProvider": "libonnxruntime_providers_openvino.so",
}

Options: TypeAlias = "dict[str, str]"


class Choice(NamedTuple):
    """One provider to try, with its options for onnxruntime."""

    name: str
    options: Options


def choices_of(wished: Sequence[str], *, device_memory_mb: int | None = None) -> list[Choice]:
    """Return what to try, in order; the processor comes last, whether it is named or not.

    Args:
        wished: Names of :data:`NAMES`, or onnxruntime's own; ``auto`` stands for every accelerator.
            A single text may hold several, with commas or spaces between.
        device_memory_mb: What an accelerator may take for itself, in MiB.

    Raises:
        UsageError: A name is unknown, or the limit is not above 0.
    """
    if device_memory_mb is not None and device_memory_mb <= 0:
        raise UsageError(f"device memory must be above 0 MiB, got {device_memory_mb}")
    names: list[str] = []
    apart = wished.replace(",", " ").split() if isinstance(wished, str) else wished
    for name in _spelt_out(apart):
        long = NAMES.get(name.lower(), name)
        if long not in NAMES.values():
            raise UsageError(
                f"execution provider {name!r} is unknown: choose from auto, {', '.join(NAMES)}"
            )
        names.append(long)
    first = names[: names.index(CPU)] if CPU in names else names
    return [Choice(name, _options(name, device_memory_mb)) for name in dict.fromkeys([*first, CPU])]


def runtime_facts() -> Mapping[str, JsonValue]:
    """Return what the cloud may know of onnxruntime here: its version, and where it could run."""
    return {
        "onnxruntime": onnxruntime.__version__,
        "providers": list(onnxruntime.get_available_providers()),
    }


def missing_reason(name: str) -> str:
    """Return why onnxruntime runs nothing on a provider of this name here."""
    if name not in onnxruntime.get_available_providers():
        return f"onnxruntime {onnxruntime.__version__} here has no {name}: install {_INSTALL[name]}"
    library = _LIBRARIES.get(name)
    if library is None or not sys.platform.startswith("linux"):
        return f"{name} did not start"
    return _loader_says(Path(onnxruntime.__file__).parent / "capi", library) or (
        f"{name} did not start although its libraries load: is there a device, and a driver for it?"
    )


def _spelt_out(wished: Sequence[str]) -> Iterable[str]:
    for name in wished:
        if name.lower() != "auto":
            yield name
            continue
        offered = onnxruntime.get_available_providers()
        yield from (short for short in _AUTO if NAMES[short] in offered)


def _options(name: str, device_memory_mb: int | None) -> Options:
    """Return what makes a provider exact, frugal, and limited."""
    options: Options = {}
    if name == "CUDAExecutionProvider":
        # TF32 rounds the inputs of products to 10 bits: a model would not do here what its author
        # measured. The arena otherwise doubles, and takes far more than a model needs.
        options = {"use_tf32": "0", "arena_extend_strategy": "kSameAsRequested"}
        if device_memory_mb is not None:
            options["gpu_mem_limit"] = str(device_memory_mb * 2**20)
    elif name == "TensorrtExecutionProvider" and device_memory_mb is not None:
        options["trt_max_workspace_size"] = str(device_memory_mb * 2**20)
    return options


def _loader_says(folder: Path, library: str) -> str:
    """Return what the dynamic loader has against a library, empty if nothing."""
    try:
        ctypes.CDLL(str(folder / "libonnxruntime_providers_shared.so"), mode=ctypes.RTLD_GLOBAL)
        ctypes.CDLL(str(folder / library))
    except OSError as error:
        return f"{library} does not load: {error}"
    return ""
