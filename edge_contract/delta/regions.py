"""Parts of the new file that are written as differences from parts of the old one."""

import io
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from edge_contract.delta.lanes import WIDTHS, differences, restored
from edge_contract.delta.tensors import Tensor, tensors_of
from edge_contract.errors import PackageError

__all__ = ["MAX_REGIONS", "REGION_BYTES", "Region", "Regions", "matching"]

MAX_REGIONS: Final = 100_000

_REGION: Final = struct.Struct("<QQQBB")
REGION_BYTES: Final = _REGION.size
"""Bytes that say where one region lies."""


class Region(NamedTuple):
    """Numbers that stand at one place of the new file and at another of the old one.

    Attributes:
        new_start: Where they stand in the new file.
        old_start: Where as many stand in the old file.
        size_bytes: Of all of them.
        width: Bytes of a number.
        are_floats: Whether they are floats.
    """

    new_start: int
    old_start: int
    size_bytes: int
    width: int
    are_floats: bool


class Regions(NamedTuple):
    """Regions in the order of the new file, which do not overlap there."""

    parts: tuple[Region, ...]

    @classmethod
    def from_bytes(cls, data: bytes, *, old_bytes: int, new_bytes: int) -> Self:
        """Read what :meth:`to_bytes` wrote.

        Raises:
            PackageError: A region lies outside its file, or before the end of the one before.
        """
        parts: list[Region] = []
        end = 0
        for new_start, old_start, size_bytes, width, floats in _REGION.iter_unpack(data):
            if (
                new_start < end
                or new_start + size_bytes > new_bytes
                or old_start + size_bytes > old_bytes
                or width not in WIDTHS
                or size_bytes % width
                or floats > 1
            ):
                raise PackageError(
                    f"delta is damaged: region {len(parts)} does not lie in files of {old_bytes} "
                    f"and {new_bytes} bytes, behind the region before"
                )
            parts.append(Region(new_start, old_start, size_bytes, width, bool(floats)))
            end = new_start + size_bytes
        return cls(tuple(parts))

    def to_bytes(self) -> bytes:
        """Return where all regions lie."""
        return b"".join(_REGION.pack(*part) for part in self.parts)

    @property
    def size_bytes(self) -> int:
        """Of all numbers in the regions."""
        return sum(part.size_bytes for part in self.parts)

    def rest_of_old(self, old: bytes) -> bytes:
        """Return the old file without the regions."""
        return _without(old, [(part.old_start, part.size_bytes) for part in self.parts])

    def rest_of_new(self, new: bytes) -> bytes:
        """Return the new file without the regions."""
        return _without(new, [(part.new_start, part.size_bytes) for part in self.parts])

    def changes(self, old: bytes, new: bytes) -> bytes:
        """Return the differences in all regions, byte planes apart."""
        found = io.BytesIO()
        for part in self.parts:
            before = memoryview(old)[part.old_start : part.old_start + part.size_bytes]
            after = memoryview(new)[part.new_start : part.new_start + part.size_bytes]
            found.write(differences(before, after, width=part.width, are_floats=part.are_floats))
        return found.getvalue()

    def assembled(self, old: bytes, rest: bytes, changes: bytes) -> bytes:
        """Return the new file of :meth:`rest_of_new` and :meth:`changes`.

        It is written block by block: beside what was given there is the new file, once.
        """
        found = io.BytesIO()
        rest_of = memoryview(rest)
        taken = change = end = 0
        for part in self.parts:
            gap_bytes = part.new_start - end
            found.write(rest_of[taken : taken + gap_bytes])
            before = memoryview(old)[part.old_start : part.old_start + part.size_bytes]
            planes = memoryview(changes)[change : change + part.size_bytes]
            for block in restored(before, planes, width=part.width, are_floats=part.are_floats):
                found.write(block)
            taken += gap_bytes
            change += part.size_bytes
            end = part.new_start + part.size_bytes
        found.write(rest_of[taken:])
        return found.getvalue()


def matching(old: bytes, new: bytes) -> Regions:
    """Return the initializers that both ONNX files have, by name, with numbers of one form."""
    before = {tensor.name: tensor for tensor in tensors_of(old)}
    parts = [
        Region(tensor.start, same.start, tensor.size_bytes, tensor.width, tensor.are_floats)
        for tensor in tensors_of(new)
        if (same := before.get(tensor.name)) is not None and _form(tensor) == _form(same)
    ]
    return Regions(tuple(parts[:MAX_REGIONS]))


def _form(tensor: Tensor) -> tuple[int, int, bool]:
    return tensor.size_bytes, tensor.width, tensor.are_floats


def _without(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    found: list[bytes] = []
    end = 0
    for start, size_bytes in sorted(spans):
        found.append(data[end:start])
        end = max(end, start + size_bytes)
    return b"".join([*found, data[end:]])
