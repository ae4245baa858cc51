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
    """Calls a session, and from the first call of many rows on another one that says the same.

    Few devices ask for many rows at once, so the other session is made when the first one does.
    Thread-safe.

    Args:
        run: Of the session that is there.
        make: Makes the other session and returns its ``run``; ``None`` if that fails.
    """

    def __init__(self, run: "Run", make: "Callable[[], Run | None]") -> None:
        self._run = run
        self._make: Callable[[], Run | None] | None = make
        self._making = threading.Lock()

    def __call__(
        self, feeds: "Mapping[str, Tensor]", options: "onnxruntime.RunOptions"
    ) -> "Sequence[Tensor]":
        """Run the model once; raises what the session raises."""
        if self._make is not None and any(_is_long(tensor) for tensor in feeds.values()):
            self._change()
        return self._run(feeds, options)

    def _change(self) -> None:
        """Make the other session; calls that come meanwhile do not wait for it."""
        if not self._making.acquire(blocking=False):
            return
        try:
            if self._make is not None:
                self._run = self._make() or self._run
                self._make = None
        finally:
            self._making.release()


def _is_long(tensor: "Tensor") -> bool:
    return tensor.ndim > 0 and len(tensor) >= MANY
