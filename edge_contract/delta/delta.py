"""What turns a device's old model file into the new one, in few bytes."""

import enum
import struct
from collections.abc import Mapping, Sequence
from typing import Final, Self

from edge_contract.delta.compression import Compression, Zlib
from edge_contract.delta.regions import MAX_REGIONS, REGION_BYTES, Regions, matching
from edge_contract.errors import PackageError
from edge_contract.package.digests import digest_of, short
from edge_contract.records import dataclass, field

__all__ = ["Delta", "Method", "apply_delta", "make_delta"]

_MAGIC: Final = b"efd1"
_HEADER: Final = struct.Struct("<4sB4s6sQ")
_TENSOR: Final = struct.Struct("<III")


class Method(enum.IntEnum):
    """How the new file is written."""

    FULL = 1
    """Compressed by itself."""
    PATCH = 2
    """Compressed by one who knows the old file."""
    TENSOR = 3
    """Initializers of an ONNX file as differences of numbers, the rest as a patch."""


@dataclass(frozen=True, slots=True)
class Delta:
    """One way to the new file.

    Attributes:
        method: How it is written.
        compression: Name of the compression that it needs.
        old: First 12 digits of the digest of the file that it was made from.
        size_bytes: Of the new file.
        body: What the method makes of it.
        sizes: Bytes of the body by method, of all that were tried; empty in one that was read.
    """

    method: Method
    compression: str
    old: str
    size_bytes: int
    body: bytes
    sizes: Mapping[Method, int] = field(default_factory=dict, compare=False)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read a delta; what it makes is checked when it is applied.

        Raises:
            PackageError: It is no delta, or of a kind that is unknown here.
        """
        if len(data) < _HEADER.size or not data.startswith(_MAGIC):
            raise PackageError(f"not a delta: {len(data)} bytes that begin with {data[:4]!r}")
        _, number, name, old, size_bytes = _HEADER.unpack_from(data)
        if number not in list(Method) or not (name.isalpha() and name.isascii()):
            raise PackageError(
                f"delta has method {number} and compression {name!r}, which are unknown here: "
                "take the whole file"
            )
        return cls(Method(number), name.decode(), old.hex(), size_bytes, data[_HEADER.size :])

    def to_bytes(self) -> bytes:
        """Return what devices fetch."""
        name, old = self.compression.encode(), bytes.fromhex(self.old)
        return _HEADER.pack(_MAGIC, self.method, name, old, self.size_bytes) + self.body


def make_delta(
    old: bytes,
    new: bytes,
    *,
    compression: Compression | None = None,
    methods: Sequence[Method] = tuple(Method),
) -> Delta:
    """Return the smallest way from ``old`` to ``new``, with the sizes of all that were tried.

    Args:
        old: The file that devices have.
        new: The file that they shall have.
        compression: One that the devices can expand; :class:`Zlib` if left out.
        methods: Those to try, one at least; of two alike the first wins.
    """
    chosen = Zlib() if compression is None else compression
    bodies: dict[Method, bytes] = {}
    for method in methods:
        match method:
            case Method.FULL:
                bodies[method] = chosen.compress(new)
            case Method.PATCH:
                bodies[method] = chosen.compress(new, old)
            case Method.TENSOR:
                bodies[method] = _tensor_body(old, new, chosen)
    best = min(bodies, key=lambda method: len(bodies[method]))
    sizes = {method: len(body) for method, body in bodies.items()}
    return Delta(best, chosen.name, short(digest_of(old)), len(new), bodies[best], sizes)


def apply_delta(
    old: bytes,
    delta: Delta,
    *,
    digest: str,
    max_bytes: int,
    compressions: Sequence[Compression] = (Zlib(),),
) -> bytes:
    """Return the new file, which has the given digest.

    Args:
        old: The file that the delta was made from.
        delta: As it came from outside.
        digest: ``sha256:...`` of the new file, from a source that is trusted.
        max_bytes: Nothing larger is made.
        compressions: Those that are there.

    Raises:
        PackageError: The delta is damaged, was made from another file, needs a compression that
            is not there, makes too much, or makes something else. The whole file helps.
    """
    if delta.size_bytes > max_bytes:
        raise PackageError(f"delta makes {delta.size_bytes} bytes, allowed are {max_bytes}")
    if delta.old != (found := short(digest_of(old))):
        raise PackageError(f"delta was made from file {delta.old}, found {found} here")
    by_name = {compression.name: compression for compression in compressions}
    if delta.compression not in by_name:
        raise PackageError(
            f"delta needs compression {delta.compression!r}, here are {sorted(by_name)}: "
            "take the whole file"
        )
    new = _applied(old, delta, by_name[delta.compression])
    if digest_of(new) != digest:
        raise PackageError(
            f"delta makes file {short(digest_of(new))}, expected {short(digest)}: it is damaged "
            "or belongs to another version"
        )
    return new


def _applied(old: bytes, delta: Delta, compression: Compression) -> bytes:
    match delta.method:
        case Method.FULL:
            return compression.expand(delta.body, size_bytes=delta.size_bytes)
        case Method.PATCH:
            return compression.expand(delta.body, old, size_bytes=delta.size_bytes)
        case Method.TENSOR:
            return _of_tensor_body(old, delta, compression)


def _tensor_body(old: bytes, new: bytes, compression: Compression) -> bytes:
    regions = matching(old, new)
    places = compression.compress(regions.to_bytes())
    rest = compression.compress(regions.rest_of_new(new), regions.rest_of_old(old))
    changes = compression.compress(regions.changes(old, new))
    sizes = _TENSOR.pack(len(regions.parts), len(places), len(rest))
    return sizes + places + rest + changes


def _of_tensor_body(old: bytes, delta: Delta, compression: Compression) -> bytes:
    body = delta.body
    if len(body) < _TENSOR.size:
        raise PackageError(f"delta is cut off: {len(body)} bytes of {_TENSOR.size} are left")
    count, places_bytes, rest_bytes = _TENSOR.unpack_from(body)
    if count > MAX_REGIONS:
        raise PackageError(f"delta has {count} regions, allowed are {MAX_REGIONS}")
    places_end = _TENSOR.size + places_bytes
    rest_end = places_end + rest_bytes
    places = compression.expand(body[_TENSOR.size : places_end], size_bytes=count * REGION_BYTES)
    regions = Regions.from_bytes(places, old_bytes=len(old), new_bytes=delta.size_bytes)
    rest = compression.expand(
        body[places_end:rest_end],
        regions.rest_of_old(old),
        size_bytes=delta.size_bytes - regions.size_bytes,
    )
    changes = compression.expand(body[rest_end:], size_bytes=regions.size_bytes)
    return regions.assembled(old, rest, changes)
