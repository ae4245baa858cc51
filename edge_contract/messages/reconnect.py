"""After a connection ended: when to try again, and whether that is news.

Sans-IO: the link that uses it brings the chance and does the waiting.
"""

from typing import NamedTuple

from edge_contract.records import dataclass, field

__all__ = ["Reconnect", "Retry"]

_MAX_DOUBLINGS = (
    30  # far past any ceiling; keeps the number small on a broker that is gone for good
)


class Retry(NamedTuple):
    """What to do after a connection ended.

    Attributes:
        wait_s: Seconds to wait before the next attempt.
        is_news: Whether the reason is worth telling: a connection was lost, or the reason changed.
    """

    wait_s: float
    is_news: bool


@dataclass(slots=True)
class Reconnect:
    """Exponential backoff with full jitter: each wait is anywhere between 0 and a growing ceiling.

    Full jitter spreads a fleet that lost its broker over the whole ceiling, so that it does not
    come back in one wave. The ceiling falls back only after a connection that lasted: two devices
    that share an identity throw each other out at once, and must not do so at full speed.

    Attributes:
        min_s: The first ceiling.
        max_s: The ceiling grows no further.
        lasting_s: A connection that was up this long counts as a success.
    """

    min_s: float = 0.5
    max_s: float = 30.0
    lasting_s: float = 5.0
    _doublings: int = 0
    _told: dict[str, str] = field(default_factory=dict)

    def after(self, reason: str, *, up_s: float | None, jitter: float, broker: str = "") -> Retry:
        """Note that an attempt or a connection ended.

        Args:
            reason: Why, in words.
            up_s: How long the connection was up; ``None`` if it never was.
            jitter: A random number from 0 to 1.
            broker: Which one it was, where there are several: each has its own news.
        """
        if up_s is not None and up_s >= self.lasting_s:
            self._doublings = 0
        ceiling_s = min(self.max_s, self.min_s * 2**self._doublings)
        self._doublings = min(self._doublings + 1, _MAX_DOUBLINGS)
        is_news = up_s is not None or reason != self._told.get(broker)
        self._told[broker] = reason
        return Retry(wait_s=jitter * ceiling_s, is_news=is_news)
