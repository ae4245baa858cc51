"""A loaded package: rows in, predictions out, everything observed."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from edge_agent.adapters.inputs import Encoded, InputEncoder, Rows
from edge_agent.adapters.outputs import Decoded, OutputDecoder
from edge_agent.adapters.recorder import Recorder, Stream
from edge_agent.ports import InferenceSession
from edge_contract.errors import PackageError, UnavailableError
from edge_contract.package import GoldenTensor, Package, Role

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Servable", "Served"]


class Served:
    """What one call did: its predictions, and what a shadow needs to repeat it."""

    __slots__ = ("decoded", "encoded", "position")

    def __init__(self, encoded: Encoded, decoded: Decoded, position: int) -> None:
        self.encoded = encoded
        self.decoded = decoded
        self.position = position


class Servable:
    """One package with its session and streams. Thread-safe.

    Args:
        package: The package; its bytes are not kept.
        digest: Its content address.
        session: Of its model.
        recorder: Where rows go; it knows the package.
        salt: Of the fleet, for hashing unknown categories.
    """

    def __init__(
        self,
        package: Package,
        digest: str,
        *,
        session: InferenceSession,
        recorder: Recorder,
        salt: str,
    ) -> None:
        self.manifest = package.manifest
        self.digest = digest
        self.session = session
        self.encoder = InputEncoder(package.manifest, salt=salt)
        self._decoder = OutputDecoder(package.manifest)
        self._recorder = recorder
        self.primary: Stream = recorder.stream(digest, Role.PRIMARY)

    def serve(self, rows: Rows, *, wake: Callable[[], None]) -> Served:
        """Predict and observe.

        Raises:
            UsageError: The rows do not fit the model; nothing is counted.
            UnavailableError: The model failed; the failure is counted.

        Args:
            rows: See :data:`Rows`.
            wake: Asks for rows to be collected soon, because the ring fills up.
        """
        encoded = self.encoder.encode(rows)
        began = time.perf_counter()
        try:
            decoded = self._decoder.decode(self.session.run(encoded.feeds), encoded.rows)
        except UnavailableError:
            self.primary.count(failures=1)
            raise
        latency_us = (time.perf_counter() - began) * 1e6
        position = self._observe(encoded, decoded, latency_us, wake)
        return Served(encoded, decoded, position)

    def run_shadow(self, served: Served) -> None:
        """Repeat a call that another package served, and count how far this one agrees.

        Raises:
            UnavailableError: The model failed; the failure is counted.
        """
        stream = self._recorder.stream(self.digest, Role.SHADOW)
        began = time.perf_counter()
        try:
            outputs = self.session.run(served.encoded.feeds)
            decoded = self._decoder.decode(outputs, served.encoded.rows)
        except UnavailableError:
            stream.count(failures=1)
            raise
        latency_us = (time.perf_counter() - began) * 1e6
        parts = [
            *_columns(decoded, latency_us),
            served.decoded.classes[:, None],
            served.decoded.scores[:, None],
        ]
        if stream.append(parts, served.encoded.rows, time.time()) is None:
            stream.count(dropped=served.encoded.rows)

    def skip_shadow(self, rows: int) -> None:
        """Count rows that this package, in the shadow, was too slow for."""
        self._recorder.stream(self.digest, Role.SHADOW).count(dropped=rows)

    def check_golden(self, package: Package) -> None:
        """Run the golden vectors.

        Raises:
            PackageError: An output is not what the package says it must be.
        """
        golden = package.golden()
        feeds = {name: _array(tensor) for name, tensor in golden.inputs.items()}
        try:
            outputs = self.session.run(feeds)
        except UnavailableError as error:
            raise PackageError(f"golden vectors of {self.manifest.reference}: {error}") from error
        for spec, found in zip(self.manifest.outputs, outputs, strict=True):
            wanted = golden.outputs.get(spec.tensor.name)
            if wanted is not None:
                expected = _array(wanted)
                if not _close(found, expected, golden.relative, golden.absolute):
                    raise PackageError(
                        f"{self.manifest.reference} fails its golden vectors on this device: "
                        f"output {spec.tensor.name!r} differs from what its author measured"
                    )

    def _observe(
        self, encoded: Encoded, decoded: Decoded, latency_us: float, wake: Callable[[], None]
    ) -> int:
        """Put the rows into the ring, in parts if the ring is smaller; return the first position.

        A call that fits is added in one step, so a crash counts all of it or nothing.
        """
        stream = self.primary
        parts = [encoded.observed, *_columns(decoded, latency_us)]
        at_unix_s = time.time()
        position = stream.append(parts, encoded.rows, at_unix_s)
        if position is not None:
            if stream.ring.free < stream.ring.rows // 2:
                wake()
            return position
        step = max(stream.ring.rows // 2, 1)
        for first in range(0, encoded.rows, step):
            some = [part[first : first + step] for part in parts]
            count = len(some[0])
            wake()
            calls = int(first == 0)
            fits = stream.wait_for_room(count)
            place = stream.append(some, count, at_unix_s, calls=calls) if fits else None
            if place is None:
                stream.count(calls=calls, dropped=count)
            elif position is None:
                position = place
        return position or 0


def _columns(decoded: Decoded, latency_us: float) -> "list[NDArray[np.float32]]":
    latency = np.full((len(decoded.scores), 1), np.nan, np.float32)
    latency[0, 0] = latency_us
    return [decoded.classes[:, None], decoded.scores[:, None], latency]


def _array(tensor: GoldenTensor) -> "NDArray[np.generic]":
    if tensor.element_type == "string":
        result = np.empty(len(tensor.values), object)
        result[:] = tensor.values
        return result.reshape(tensor.shape)
    numbers = [float(v) if isinstance(v, str) else v for v in tensor.values]
    dtype = "bool" if tensor.element_type == "bool" else tensor.element_type
    return np.asarray(numbers, dtype).reshape(tensor.shape)


def _close(
    found: "NDArray[np.generic]",
    expected: "NDArray[np.generic]",
    relative: float,
    absolute: float,
) -> bool:
    if found.shape != expected.shape:
        return False
    if expected.dtype.kind != "f":
        return bool((found == expected).all())
    return bool(
        np.allclose(
            found.astype(np.float64),
            expected.astype(np.float64),
            rtol=relative,
            atol=absolute,
            equal_nan=True,
        )
    )
