"""The stream of revisions by itself, without a server."""

import asyncio
from collections.abc import Callable

from cloud_sync.api.events import RevisionFeed
from edge_contract.errors import UnavailableError


def messages(revision: Callable[[], int], *, count: int, keep_alive_s: float = 60.0) -> list[bytes]:
    async def collect() -> list[bytes]:
        feed = RevisionFeed(revision, poll_s=0.001, keep_alive_s=keep_alive_s)
        found = []
        async for message in feed.stream():
            found.append(message)
            if len(found) == count:
                feed.close()
        return found

    return asyncio.run(collect())


def test_a_listener_hears_each_new_revision_once() -> None:
    seen = iter([7, 7, 8, 8, 8, 9])

    heard = messages(lambda: next(seen), count=4)

    assert heard == [
        b"retry: 2000\n\n",
        b"id: 7\nevent: revision\ndata: 7\n\n",
        b"id: 8\nevent: revision\ndata: 8\n\n",
        b"id: 9\nevent: revision\ndata: 9\n\n",
    ]


def test_a_revision_that_falls_after_a_restart_is_told_as_well() -> None:
    seen = iter([7, 1])

    heard = messages(lambda: next(seen), count=3)

    assert heard[-1] == b"id: 1\nevent: revision\ndata: 1\n\n"


def test_an_idle_stream_shows_that_it_lives() -> None:
    heard = messages(lambda: 7, count=3, keep_alive_s=0.01)

    assert heard[-1] == b": still here\n\n"


def test_a_database_that_is_gone_for_a_moment_does_not_end_the_stream() -> None:
    calls = 0

    def revision() -> int:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise UnavailableError("database is locked")
        return 7

    heard = messages(revision, count=2)

    assert heard[-1] == b"id: 7\nevent: revision\ndata: 7\n\n"
