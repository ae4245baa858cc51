"""What leaves a device: numbers about rows, and nothing that was in them."""

import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from edge_agent.adapters.paho_link import PahoLink
from edge_agent.adapters.sqlite_store import SqliteBatchStore
from edge_agent.agent import Agent
from edge_agent.ports import LinkOptions
from edge_contract.errors import UsageError
from edge_contract.messages import Birth, WindowEntry, decode
from edge_contract.package import Role, profile_specs
from edge_contract.stats import Categories, Profile, Sketch
from edge_contract.stats.text_hash import text_hash
from tests.edge_agent.conftest import MakeAgent
from tests.support.brokers import NatsBroker
from tests.support.links import wait_until
from tests.support.packages import mixed

PEOPLE = [f"person{number}@example.org" for number in range(40)]
SECRETS = ["Ærø strasse 7", "4111111111111111", 'said "no"', "tromsø", "line\nbreak"]
SALT = "a long random text of the fleet"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[NatsBroker]:
    broker = NatsBroker(tmp_path / "broker")
    broker.start()
    yield broker
    broker.stop()


class Spy:
    """Hears every payload of the fleet, as it comes."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.connected = threading.Event()

    def on_connected(self) -> None:
        self.connected.set()

    def on_disconnected(self, reason: str) -> None:
        self.connected.clear()

    def on_message(self, topic: str, payload: bytes) -> None:
        self.heard.append((topic, payload))


@pytest.fixture
def spy(broker: NatsBroker) -> Iterator[Spy]:
    spy = Spy()
    options = LinkOptions(
        url=broker.url,
        client_id="spy",
        will_topic="spy",
        will_payload=b"gone",
        subscriptions=("ef1/#",),
    )
    link = PahoLink(options)
    link.start(spy)
    wait_until(spy.connected.is_set)
    yield spy
    link.close()


def rows_of(texts: list[str]) -> pd.DataFrame:
    known = mixed().rows.iloc[: len(texts)]
    return known.assign(city=texts)


def entry_in(state: Path) -> WindowEntry:
    """The only window that an agent which has left put aside."""
    with closing(SqliteBatchStore(state / "agent.db", wait_s=0.0)) as store:
        (entry,) = [
            entry
            for batch in store.batches()
            for entry in batch.entries
            if entry.role == Role.PRIMARY
        ]
    return entry


def profile_of(agent: Agent) -> Profile:
    agent.close(drain_s=0.0)
    package, entry = mixed().package, entry_in(agent.state)
    return profile_specs(package.manifest, package.reference())[entry.role].decode(entry.profile)


def cities_of(agent: Agent) -> Categories:
    found = profile_of(agent).find("feature:city", "categories")
    assert isinstance(found, Categories)
    return found


def test_no_text_of_any_row_is_in_any_message(
    make_agent: MakeAgent, broker: NatsBroker, spy: Spy
) -> None:
    texts = [*PEOPLE, *SECRETS, "oslo", "bergen"]

    agent = make_agent(mixed().package, cloud=broker.url, interval_s=0.1)
    prediction = agent.predict(rows_of(texts))
    agent.label(prediction.id, [0, 1] * (len(texts) // 2) + [1] * (len(texts) % 2))
    with pytest.raises(UsageError, match=r"secret@example\.org"):  # the application may know
        agent.predict({"age": ["secret@example.org"], "income": [1.0], "city": ["oslo"]})
    wait_until(lambda: agent.batches_saved() > 0)
    wait_until(lambda: any("/t/" in topic for topic, _ in spy.heard))
    agent.close(drain_s=0.5)

    inflated = [zlib.decompress(payload[1:]).decode() for _, payload in spy.heard]
    kinds = {decode(payload).kind for _, payload in spy.heard}
    assert {"b", "r", "t"} <= kinds
    for text in (*texts, "tromso", "secret@example.org", "example.org", "4111"):
        plain = text.encode("unicode_escape").decode()
        assert not any(text in message or plain in message for message in inflated), text


def test_the_same_salt_gives_the_same_hashes_and_another_one_others(make_agent: MakeAgent) -> None:
    found = []
    for folder, salt in (("a", SALT), ("b", SALT), ("c", SALT + "!"), ("d", None), ("e", None)):
        agent = make_agent(mixed().package, folder=folder, salt=salt)
        agent.predict(rows_of(["rome", "rome", "kyiv", "oslo"]))
        cities = cities_of(agent)
        assert (cities.other, round(cities.distinct_others)) == (3, 2)
        found.append(cities.hashes)

    same, again, other, own, of_another_device = found
    assert (
        same
        == again
        == tuple(sorted(text_hash(text, salt=f"fleet/default/{SALT}") for text in ("rome", "kyiv")))
    )
    assert len({same, other, own, of_another_device}) == 4
    unsalted = {text_hash(text) for text in ("rome", "kyiv")}
    assert not unsalted & {number for hashes in found for number in hashes}


def test_a_device_keeps_its_own_salt_over_restarts(make_agent: MakeAgent) -> None:
    hashes = []
    for _ in range(2):
        agent = make_agent(mixed().package)
        agent.predict(rows_of(["rome"]))
        agent.close(drain_s=0.0)
        with closing(SqliteBatchStore(agent.state / "agent.db", wait_s=0.0)) as store:
            entry = store.batches()[-1].entries[0]
        package = mixed().package
        spec = profile_specs(package.manifest, package.reference())[Role.PRIMARY]
        cities = spec.decode(entry.profile).find("feature:city", "categories")
        assert isinstance(cities, Categories)
        hashes.append(cities.hashes)

    assert hashes[0] == hashes[1] != ()


def test_a_salt_that_can_be_guessed_is_refused(make_agent: MakeAgent) -> None:
    with pytest.raises(UsageError, match="salt has 4 characters, fewer than 16: it could be"):
        make_agent(mixed().package, salt="oslo")


def test_noise_is_added_before_anything_is_stored(make_agent: MakeAgent) -> None:
    example = mixed()
    agent = make_agent(example.package, noise_epsilon=1.0)
    prediction = agent.predict(example.rows)
    agent.label(prediction.id, [int(label) for label in example.labels])

    profile = profile_of(agent)

    ages, reference = profile.find("feature:age", "sketch"), example.package.reference().profile
    exact = reference.find("feature:age", "sketch")
    assert isinstance(ages, Sketch)
    assert isinstance(exact, Sketch)
    assert ages.count == exact.count == 400
    assert ages.counts != exact.counts
    entry = entry_in(agent.state)
    assert (entry.counters.rows, entry.counters.calls) == (400, 1)
    kinds = {profile.spec.columns[index].spec.kind for index in entry.profile}
    assert not kinds & {"moments", "joint", "vectors"}
    latency = profile.find("latency_us", "sketch")
    assert latency is not None
    assert latency.count == 1


def test_the_birth_message_says_how_much_noise_there_is(
    make_agent: MakeAgent, broker: NatsBroker, spy: Spy
) -> None:

    make_agent(mixed().package, cloud=broker.url, noise_epsilon=0.5)

    def births() -> list[Birth]:
        decoded = (decode(payload) for _, payload in spy.heard)
        return [message for message in decoded if isinstance(message, Birth)]

    wait_until(lambda: births() != [])
    assert births()[0].facts["noise_epsilon"] == 0.5


@pytest.mark.parametrize("epsilon", [-1.0, 1000.0])
def test_an_epsilon_that_cannot_be_is_refused(make_agent: MakeAgent, epsilon: float) -> None:
    with pytest.raises(UsageError, match="noise epsilon must be 0 for none, or from"):
        make_agent(mixed().package, noise_epsilon=epsilon)
