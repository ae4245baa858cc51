"""A link is made when the agent answers, and can be left before and after that."""

import threading

import pytest

from edge_agent.later_link import LaterLink
from edge_contract.errors import UsageError
from edge_contract.messages import Command, encode
from tests.support.links import Listener, wait_until
from tests.support.memory_device_link import MemoryDeviceLink

COMMAND = Command("c-1", "collect", 2e9)


class Maker:
    """Makes links in memory, and notes them."""

    def __init__(self) -> None:
        self.made: list[MemoryDeviceLink] = []

    def __call__(self) -> MemoryDeviceLink:
        self.made.append(MemoryDeviceLink())
        return self.made[-1]


def test_it_is_made_once_when_somebody_has_been_answered() -> None:
    make, ready, listener = Maker(), threading.Event(), Listener()
    link = LaterLink(make, ready)

    link.start(listener)

    assert not link.publish("t", encode(COMMAND))
    assert make.made == []

    ready.set()

    wait_until(lambda: len(make.made) == 1)
    wait_until(lambda: make.made[0]._handler is listener)
    make.made[0].connect()
    assert link.publish("t", encode(COMMAND))
    assert make.made[0].published == [("t", COMMAND)]
    link.close(farewell=("t", encode(COMMAND)))
    assert make.made[0].farewell == ("t", COMMAND)


def test_nothing_is_made_for_an_agent_that_has_left() -> None:
    make, ready = Maker(), threading.Event()
    link = LaterLink(make, ready)
    link.start(Listener())

    link.close(farewell=("t", encode(COMMAND)))
    link.close()

    assert ready.is_set()
    for thread in threading.enumerate():
        if thread.name == "edgefleet-link":
            thread.join(5.0)
    assert make.made == []


def test_it_is_made_in_the_end_where_nothing_ever_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.later_link._PATIENCE_S", 0.05)
    make = Maker()
    link = LaterLink(make, threading.Event())

    link.start(Listener())

    wait_until(lambda: len(make.made) == 1)
    link.close()


def test_a_handler_may_publish_as_soon_as_it_hears() -> None:
    class Greeter(Listener):
        def on_connected(self) -> None:
            assert link.publish("t", encode(COMMAND))
            super().on_connected()

    class Quick(MemoryDeviceLink):
        def start(self, handler: object) -> None:
            super().start(handler)  # type: ignore[arg-type]
            self.connect()

    greeter, ready = Greeter(), threading.Event()
    quick = Quick()
    link = LaterLink(lambda: quick, ready)
    ready.set()

    link.start(greeter)

    greeter.wait_for("connected")
    assert quick.published == [("t", COMMAND)]
    link.close()


def test_it_can_be_started_once() -> None:
    link = LaterLink(Maker(), threading.Event())
    link.start(Listener())

    with pytest.raises(UsageError, match="started once"):
        link.start(Listener())
    link.close()
    with pytest.raises(UsageError, match="started once"):
        LaterLinkThatLeft().start(Listener())


class LaterLinkThatLeft(LaterLink):
    """One that was closed before it began."""

    def __init__(self) -> None:
        super().__init__(Maker(), threading.Event())
        self.close()
