"""Answers that are dear to make are made once for all who ask within some seconds."""

import threading
import time
from collections.abc import Callable

import pytest

from cloud_sync.recent import Recent
from edge_contract.errors import UnavailableError


def test_an_answer_is_made_again_when_it_is_too_old() -> None:
    now_s = [100.0]
    made: list[str] = []
    recent: Recent[str, str] = Recent(keep_s=5.0, clock=lambda: now_s[0])

    def make(key: str) -> str:
        made.append(key)
        return f"{key} {len(made)}"

    def ask(key: str) -> str:
        return recent.get(key, lambda: make(key))

    first, again, other = ask("a"), ask("a"), ask("b")
    now_s[0] = 105.0
    later = ask("a")

    assert (first, again, other, later) == ("a 1", "a 1", "b 2", "a 3")


def test_those_who_ask_at_once_are_answered_by_one_making() -> None:
    recent: Recent[str, int] = Recent(keep_s=60.0)
    made: list[int] = []
    found: list[int] = []

    def make() -> int:
        made.append(1)
        time.sleep(0.05)
        return 7

    threads = [
        threading.Thread(target=lambda: found.append(recent.get("a", make))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (found, made) == ([7] * 8, [1])


def test_what_fails_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(keep_s=60.0)

    def fail() -> int:
        raise UnavailableError("no")

    with pytest.raises(UnavailableError):
        recent.get("a", fail)

    assert recent.get("a", lambda: 3) == 3


def test_answers_do_not_pile_up() -> None:
    recent: Recent[int, int] = Recent(keep_s=1e9)

    for key in range(1000):
        recent.get(key, lambda: 1)

    assert len(recent._kept) <= 64


def test_an_old_answer_is_given_while_another_one_is_made() -> None:
    now_s = [100.0]
    may_end = threading.Event()
    made: list[int] = []

    def make() -> int:
        if made:
            assert may_end.wait(10.0)
        made.append(1)
        return len(made)

    recent: Recent[str, int] = Recent(keep_s=5.0, stale_s=60.0, clock=lambda: now_s[0])
    first = recent.get("a", make)
    now_s[0] = 110.0
    meanwhile = [recent.get("a", make) for _ in range(3)]
    may_end.set()
    _wait_until(lambda: len(made) == 2)
    _wait_until(lambda: recent.get("a", make) == 2)

    assert (first, meanwhile) == (1, [1, 1, 1])
    assert len(made) == 2


def test_what_fails_meanwhile_is_told_to_whoever_asks_next() -> None:
    now_s = [100.0]
    fails = [False]

    def make() -> int:
        if fails[0]:
            raise UnavailableError("the database is away")
        return 1

    recent: Recent[str, int] = Recent(keep_s=5.0, stale_s=60.0, clock=lambda: now_s[0])
    recent.get("a", make)
    now_s[0], fails[0] = 110.0, True

    def is_told() -> bool:
        try:
            return recent.get("a", make) != 1
        except UnavailableError:
            return True

    _wait_until(is_told)


def _wait_until(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + 10.0
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.005)
