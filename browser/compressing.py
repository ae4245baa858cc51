"""Smaller forms of files beside them: gzip, and brotli where its package is installed."""

import contextlib
import gzip
import hashlib
import importlib
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from browser.tools import cache_folder
from edge_contract.errors import UsageError

__all__ = ["FORMS", "Form", "compress", "form_of", "sizes_of"]


class Form(NamedTuple):
    """A compression that browsers know.

    Attributes:
        encoding: Its name in HTTP.
        suffix: Of the file's name.
    """

    encoding: str
    suffix: str


FORMS: Final = (Form("br", "br"), Form("gzip", "gz"))
"""The smaller one first."""

_LARGE_BYTES: Final = 1_000_000
_WORTH_IT: Final = 0.95
"""A form that is larger than this share of the file is left out: zips and pictures."""


def compress(files: Iterable[Path]) -> None:
    """Write the forms of each file that save a twentieth.

    Raises:
        UsageError: The package ``brotli`` is missing.
    """
    try:
        brotli = importlib.import_module("brotli")
    except ImportError:
        raise UsageError(
            "compressing for browsers needs the package brotli: pip install "
            "'edgefleet[browser]', or leave it out with --no-compress"
        ) from None
    made = {"br": brotli.compress, "gz": lambda data: gzip.compress(data, mtime=0)}
    for path in files:
        data = path.read_bytes()
        for form in FORMS:
            small = _kept(data, form.suffix, made[form.suffix])
            if len(small) < _WORTH_IT * len(data):
                path.with_name(f"{path.name}.{form.suffix}").write_bytes(small)


def _kept(data: bytes, suffix: str, compress: Callable[[bytes], bytes]) -> bytes:
    """Return a form; those of large files are kept, since they take a minute and rarely change."""
    if len(data) < _LARGE_BYTES:
        return compress(data)
    path = cache_folder() / f"{hashlib.sha256(data).hexdigest()[:16]}.{suffix}"
    if path.is_file():
        return path.read_bytes()
    small = compress(data)
    with contextlib.suppress(OSError):  # where nothing can be kept it is made anew
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(small)
        Path(file.name).replace(path)
    return small


def form_of(path: Path, accepted: str) -> Iterator[Form]:
    """Yield the forms of a file that are there and that a browser takes, the smaller one first.

    Args:
        path: The file itself.
        accepted: The header ``Accept-Encoding``.
    """
    names = {word.partition(";")[0].strip() for word in accepted.split(",")}
    for form in FORMS:
        if form.encoding in names and path.with_name(f"{path.name}.{form.suffix}").is_file():
            yield form


def sizes_of(folder: Path) -> dict[str, int]:
    """Return what a visit fetches in bytes: as it is, with gzip, and with brotli."""
    endings = tuple(f".{form.suffix}" for form in FORMS)
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix not in endings]
    sizes = {"as it is": sum(path.stat().st_size for path in files)}
    for form in FORMS:
        beside = [path.with_name(f"{path.name}.{form.suffix}") for path in files]
        if any(path.is_file() for path in beside):
            sizes[form.encoding] = sum(
                (small if small.is_file() else path).stat().st_size
                for path, small in zip(files, beside, strict=True)
            )
    return sizes
