"""Runs a model that has a form which is quicker for many rows, once such calls come."""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from edge_agent.adapters.silent_onnxruntime import onnxruntime
    from edge_agent.ports import Tensor

    Run: TypeAlias = Callable[[Mapping[str, Tensor], onnxruntime.RunOptions], Sequence[Tensor]]
    """Runs a model once: feeds in, outputs out."""

__all__ = ["MANY", "ManyRows"]

MANY: Final = 16
"""From so many rows on the other form is quicker."""


class ManyRows:
    """Calls a session, and when calls of many rows come, another one that says the same.

    Few devices ask for many rows at once, and all do once when they start, to see whether the model
    does what its author saw: so the other session is made at the second such call. It takes over if
    it answers that call bit for bit as the first one does. Thread-safe.

    Args:
        run: Of the session that is there.
        make: Makes the other session and returns its ``run``; ``None`` if that fails.
    """

    def __init__(self, run: "Run", make: "Callable[[], Run | None]") -> None:
        self._run = run
        self._make: Callable[[], Run | None] | None = make
        self._making = threading.Lock()
        self._is_first = True

    def __call__(
        self, feeds: "Mapping[str, Tensor]", options: "onnxruntime.RunOptions"
    ) -> "Sequence[Tensor]":
        """Run the model once; raises what the session raises."""
        if self._make is not None and any(_is_long(tensor) for tensor in feeds.values()):
            if not self._is_first:
                return self._changed(feeds, options)
            self._is_first = False
        return self._run(feeds, options)

    def _changed(
        self, feeds: "Mapping[str, Tensor]", options: "onnxruntime.RunOptions"
    ) -> "Sequence[Tensor]":
        """Make the other session and answer; calls that come meanwhile do not wait for it."""
        said = self._run(feeds, options)
        if not self._making.acquire(blocking=False):
            return said
        try:
            other = None if self._make is None else self._make()
            self._make = None
            if other is not None and _are_same(said, other(feeds, options)):
                self._run = other
        except Exception:  # noqa: BLE001  whatever it is, the session that is there answered
            self._make = None
        finally:
            self._making.release()
        return said


def _are_same(some: "Sequence[Tensor]", others: "Sequence[Tensor]") -> bool:
    """Return whether tensors are the same bit for bit, NaNs included."""
    return len(some) == len(others) and all(
        one.dtype == other.dtype
        and one.shape == other.shape
        and (
            one.tolist() == other.tolist()
            if one.dtype == object
            else one.tobytes() == other.tobytes()
        )
        for one, other in zip(some, others, strict=True)
    )


def _is_long(tensor: "Tensor") -> bool:
    return tensor.ndim > 0 and len(tensor) >= MANY
