"""The reach: since when certainly nothing was sent, so that a restart does not end merging.

Only what was never sent may be merged (the collector may know the rest by its names), and after a
restart nobody remembers what was. So a life that has not been connected for a while writes down
that nothing has been sent since it began; later lives that are not connected either leave that as
it is. Before anything is sent it is taken back, durably: sending waits until the journal says so.
"""

from typing import Final

__all__ = ["Reach"]

_OUT_OF_REACH_S: Final = 600.0  # a device that connects at once need not write this down


class Reach:
    """Whether the link was ever up in this life, and since when none was.

    Args:
        boot: Number of this life.
        unsent_since: What an earlier life wrote down: the first one since which nothing was sent;
            ``None`` for nothing.
    """

    def __init__(self, boot: int, unsent_since: int | None = None) -> None:
        self.unsent_since = unsent_since
        """To be kept in the journal."""
        self.joins_at_s: float | None = None
        """When sending may begin if the journal is saved; ``None`` while it may already, or not."""
        self._boot = boot
        self._began_s = 0.0
        self._was_connected = False

    def on_start(self, now_s: float) -> None:
        """Begin the life."""
        self._began_s = now_s

    def on_window(self, now_s: float) -> None:
        """A window has ended; note that nothing was ever sent, if that has lasted."""
        is_long = now_s - self._began_s >= _OUT_OF_REACH_S
        if self.unsent_since is None and is_long and not self._was_connected:
            self.unsent_since = self._boot

    def on_connected(self, now_s: float) -> bool:
        """Return whether sending may begin at once; else when the journal is saved."""
        self._was_connected = True
        if self.unsent_since is None:
            return True
        self.unsent_since = None
        self.joins_at_s = now_s
        return False

    def on_disconnected(self) -> None:
        """The link is lost."""
        self.joins_at_s = None

    def joins(self, now_s: float) -> bool:
        """Return whether sending begins now; to be asked once the journal is saved."""
        if self.joins_at_s is None or now_s < self.joins_at_s:
            return False
        self.joins_at_s = None
        return True
