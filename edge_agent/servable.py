"""A loaded package: rows in, predictions out, everything observed."""

import copy
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from edge_agent.adapters.inputs import Encoded, InputEncoder, Rows
from edge_agent.adapters.outputs import Decoded, EmbeddingReader, OutputDecoder
from edge_agent.adapters.recorder import Recorder, Stream
from edge_agent.adapters.row_layout import observed_outputs, row_layout_of
from edge_agent.block_path import BlockPath
from edge_agent.ports import InferenceSession
from edge_agent.prediction import Origin
from edge_agent.processing import hooks_of
from edge_agent.row_path import RowPath
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.package import Package, Role

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edge_agent.adapters.ring import Parts
    from edge_agent.ports import Tensor
    from edge_agent.prediction import Prediction

__all__ = ["Servable", "Served"]


class Served(NamedTuple):
    """What one call did: its predictions, and what a shadow needs to repeat it."""

    encoded: Encoded
    decoded: Decoded
    outputs: "Sequence[Tensor]" = ()
    latency_us: float = 0.0
    rows: "Rows | None" = None
    """As the caller gave them, for a shadow that makes other tensors of them."""

    prediction: "Prediction | None" = None
    """What the caller gets, for whoever keeps rows as samples."""

    def copied(self) -> "Served":
        """Return the same in memory of its own: callers may change their rows and answers."""
        encoded, decoded = self.encoded, self.decoded
        return Served(
            encoded._replace(feeds={name: value.copy() for name, value in encoded.feeds.items()}),
            decoded._replace(classes=decoded.classes.copy(), scores=decoded.scores.copy()),
            rows=None if self.rows is None else copy.deepcopy(self.rows),
            prediction=self.prediction,
        )


class Servable:
    """One package with its session and streams. Thread-safe.

    Args:
        package: The package; its bytes are not kept.
        digest: Its content address.
        session: Of its model.
        recorder: Where rows go; it knows the package.
        salt: Of the fleet, for hashing unknown categories.

    Raises:
        UnavailableError: There is no room for its ring.
        PackageError: Its reference is damaged, counts what its model does not give, or it needs a
            plugin that is not here.
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
        self.reference = package.manifest.reference
        self.digest = digest
        self.session = session
        self._encoder = InputEncoder(package.manifest, salt=salt)
        self._decoder = OutputDecoder(package.manifest)
        spec = recorder.reference(digest).profile.spec
        components, classes = observed_outputs(package.manifest, spec)
        self._embedding = EmbeddingReader(package.manifest, components) if components else None
        self._counts_classes = classes > 0
        self._recorder = recorder
        self._primary = recorder.stream(digest, Role.PRIMARY)
        self._primary.lay_out_calls(len(package.manifest.features))
        self._shadow: Stream | None = None
        hooks = hooks_of(package.manifest.processing, model=self.reference)
        self._pre = hooks.pre
        layout = None if hooks.pre else row_layout_of(package.manifest, spec)
        self.origin = Origin(self.reference, digest, package.manifest, layout, hooks.post)
        """What its predictions say of it."""
        self.row_path = RowPath.of(package.manifest, session, self._primary, self.origin)
        """The short way of single rows; ``None`` if all rows go through :meth:`serve`."""
        self.block_path = BlockPath.of(package.manifest, session, self._primary, self.origin)
        """The same for ready arrays of many rows."""

    def reads_as(self, other: "Servable") -> bool:
        """Return whether another package makes the same tensors of the same rows."""
        mine, others = self.manifest, other.manifest
        return mine.image == others.image and mine.processing.pre == others.processing.pre

    def has_room(self, rows: int) -> bool:
        """Return whether a call of so many rows need not wait for others to be counted."""
        return self._primary.has_room(rows)

    def serve(self, rows: Rows, *, wake: Callable[[], None]) -> Served:
        """Predict and observe.

        Args:
            rows: See :data:`Rows`.
            wake: Asks for rows to be collected soon, because the ring fills up.

        Raises:
            UsageError: The rows do not fit the model; nothing is counted.
            UnavailableError: The model failed; the failure is counted.
        """
        encoded = self.read(rows)
        began_s = time.perf_counter()
        try:
            outputs = self.session.run(encoded.feeds)
            decoded = self._decoder.decode(outputs, encoded.rows)
            vectors: Parts = () if self._embedding is None else (self._embedding.read(outputs),)
        except UnavailableError:
            self.count_failure()
            raise
        latency_us = (time.perf_counter() - began_s) * 1e6
        self._observe(encoded, vectors, decoded, latency_us, wake)
        return Served(encoded, decoded, outputs, latency_us)

    def read(self, rows: Rows) -> Encoded:
        """Return rows as the model takes them; raises ``UsageError`` if they do not fit."""
        return self._encoder.encode(rows if self._pre is None else self._pre(rows))

    def _observe(
        self,
        encoded: Encoded,
        vectors: "Parts",
        decoded: Decoded,
        latency_us: float,
        wake: Callable[[], None],
    ) -> None:
        """Put the rows of a call into the ring; one row, by far the commonest, in a short way."""
        _, observed, rows = encoded
        _, probabilities, _, classes, scores = decoded
        if not self._counts_classes:
            probabilities = None
        room = -1
        if rows == 1 and not vectors:
            room = self._primary.append_call(
                observed, classes.item(), scores.item(), latency_us, probabilities
            )
            if room > self._primary.enough:
                return
        last = () if probabilities is None else (probabilities,)
        parts: Parts = (observed, *vectors, classes, scores, latency_us, *last)
        if room < 0:
            self._primary.put(parts, rows, time.time(), wake=wake)
        else:
            self._primary.after_call(room, parts, wake)

    def count_failure(self) -> None:
        """Count a call that this package should have answered and did not."""
        self._primary.count(failures=1)

    # In the shadow.

    def begin_shadow(self) -> bool:
        """Prepare for :meth:`run_shadow`; return whether there is room for its rows."""
        try:
            self._shadow = self._recorder.stream(self.digest, Role.SHADOW)
        except UnavailableError:
            return False
        return True

    def run_shadow(self, served: Served) -> Decoded | None:
        """Repeat a call that another package served; count how far this one agrees, or fails.

        Returns:
            What this one answered; ``None`` if it failed.
        """
        if self._shadow is None:
            return None
        began_s = time.perf_counter()
        try:
            encoded = served.encoded if served.rows is None else self.read(served.rows)
            outputs = self.session.run(encoded.feeds)
            decoded = self._decoder.decode(outputs, served.encoded.rows)
        except (UnavailableError, UsageError):  # rows that were right for the one that served
            self._shadow.count(failures=1)
            return None
        latency_us = (time.perf_counter() - began_s) * 1e6
        primary = served.decoded
        parts: Parts = (
            decoded.classes,
            decoded.scores,
            latency_us,
            primary.classes,
            primary.scores,
            *self._class_probabilities(decoded),
        )
        self._shadow.offer(parts, served.encoded.rows, time.time())
        return decoded

    def skip_shadow(self, rows: int) -> None:
        """Count rows that this package, in the shadow, was too slow for."""
        if self._shadow is not None:
            self._shadow.count(dropped=rows)

    def _class_probabilities(self, decoded: Decoded) -> "tuple[NDArray[np.float32], ...]":
        """Return what a row ends with if all probabilities are counted, or nothing."""
        if self._counts_classes and decoded.probabilities is not None:
            return (decoded.probabilities,)
        return ()
