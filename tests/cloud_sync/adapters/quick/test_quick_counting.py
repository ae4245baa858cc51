"""numpy and orjson refuse what plain Python refuses, and come to the same sums."""

import json
import random
import zlib
from importlib.util import find_spec
from typing import NamedTuple

import pytest

from cloud_sync.adapters import quickest
from cloud_sync.adapters.quick.counting import QuickCounting
from cloud_sync.adapters.quick.parsing import parse_quickly
from cloud_sync.adapters.quick.texts import lists_of
from cloud_sync.core.counting import PLAIN, Counting, PlainCounting
from cloud_sync.core.intake import checked_windows
from edge_contract.errors import MessageError
from edge_contract.json_text import parse_json
from edge_contract.messages import TelemetryBatch, WindowEntry, decode, encode
from edge_contract.messages.packing import packed, unpacked
from edge_contract.package import Role
from edge_contract.reading import Reader
from edge_contract.stats import (
    Column,
    MomentsSpec,
    ProbabilitiesSpec,
    ProfileSpec,
    Sketch,
    SketchSpec,
)
from edge_contract.stats.joint import JointSpec
from tests.support.odd_telemetry import ODD, mutated, rounded
from tests.support.telemetry import DIGITS, batch_of, payload_of, window_of

SPEC = ProfileSpec(
    (
        Column("feature:a", SketchSpec()),
        Column("feature:a", MomentsSpec()),
        Column("feature:b", SketchSpec("centred", 1000.0, 2.0)),
        Column("feature:b", MomentsSpec()),
        Column("joint", JointSpec(("a", "b"), (0.0, 1000.0), (1.0, 2.0), ((0, 1),))),
        Column("prediction", ProbabilitiesSpec.for_classes(2, threshold=0.5)),
    )
)
SEEDS = range(40)


class Outcome(NamedTuple):
    counts: dict[int, int] | None
    sums: object


def message_of(chance: random.Random) -> bytes:
    """A window of some rows, odd ones among them."""
    profile = SPEC.empty()
    for _ in range(chance.randint(1, 80)):
        a = chance.choice(ODD) if chance.random() < 0.2 else chance.gauss(0.0, 1.0)
        b = chance.choice(ODD) if chance.random() < 0.1 else chance.gauss(1000.0, 3.0)
        for column, row in enumerate(((a,), (a,), (b,), (b,), (a, b))):
            profile.observe(column, row)
        profile.observe(5, (float(chance.randint(0, 1)), chance.uniform(0.5, 1.0)))
    state = profile.brief().to_state()
    kept = {column: state[column] for column in state if chance.random() < 0.9}
    entry = WindowEntry(DIGITS.digest, Role.PRIMARY, 1.0e9, 1.0e9 + 60.0, profile=kept)
    return encode(TelemetryBatch(batch_of(chance.randint(0, 9)).batch_id, (entry,)))


def outcome_of(counting: Counting, payload: bytes) -> Outcome:
    try:
        batch = decode(payload, counting.tools)
        assert isinstance(batch, TelemetryBatch)
        total = counting.sum(SPEC)
        counts: dict[int, int] = {}
        for entry in batch.entries:
            counts |= counting.check(SPEC, entry.profile).by_column
            total.add(entry.profile)
        return Outcome(counts, rounded(total.profile().to_state()))
    except MessageError:
        return Outcome(None, None)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_window_is_counted_the_same(seed: int) -> None:
    payload = message_of(random.Random(seed))

    plain, quick = outcome_of(PLAIN, payload), outcome_of(QuickCounting(parse_quickly), payload)

    assert plain.counts is not None
    assert quick == plain


def test_many_windows_add_up_the_same() -> None:
    chance = random.Random(7)
    ways: list[Counting] = [PLAIN, QuickCounting(parse_quickly)]
    totals = [counting.sum(SPEC) for counting in ways]
    for _ in range(30):
        payload = message_of(chance)
        for counting, total in zip(ways, totals, strict=True):
            batch = decode(payload, counting.tools)
            assert isinstance(batch, TelemetryBatch)
            counting.check(SPEC, batch.entries[0].profile)
            total.add(batch.entries[0].profile)

    plain, other = (total.profile() for total in totals)

    assert rounded(other.to_state()) == rounded(plain.to_state())


def test_sketches_that_are_not_written_as_text_add_up_with_those_that_are() -> None:
    windows = [[(0.0,)] * 3, [(float("nan"),)], [(1.5,)] * 20_000, [(1.5,), (2.5,)], [(7.0,)]]
    ways: list[Counting] = [PLAIN, QuickCounting(parse_quickly)]
    totals = [counting.sum(SPEC) for counting in ways]
    for rows in windows:
        profile = SPEC.empty()
        for row in rows:
            profile.observe(0, row)
        entry = WindowEntry(DIGITS.digest, Role.PRIMARY, 1e9, 1e9, profile=profile.to_state())
        payload = payload_of(batch_of(0, entry))
        for counting, total in zip(ways, totals, strict=True):
            batch = decode(payload, counting.tools)
            assert isinstance(batch, TelemetryBatch)
            counting.check(SPEC, batch.entries[0].profile)
            total.add(batch.entries[0].profile)

    plain, quick = (total.profile().to_state() for total in totals)

    assert quick == plain
    assert isinstance(sketch := SPEC.decode(quick)[0], Sketch)
    assert sketch.count == 3 + 1 + 20_000 + 2 + 1


def test_what_one_refuses_the_other_refuses() -> None:
    refused = 0
    chance = random.Random(5)
    for payload in (mutated(chance, message_of(chance)) for _ in range(400)):
        plain, quick = outcome_of(PLAIN, payload), outcome_of(QuickCounting(parse_quickly), payload)
        assert quick == plain, zlib.decompress(payload[1:])
        refused += plain.counts is None

    assert 200 < refused < 400


def test_lists_are_read_as_they_are_without_numpy() -> None:
    chance = random.Random(3)
    for _ in range(200):
        lists = [
            [chance.choice([0, 1, -1, 7, 32, 33, 60, -8, 895, 9999, -9999]) for _ in range(size)]
            for size in range(1, chance.randint(2, 9))
        ]
        states = packed([dict(enumerate(lists))])
        found = lists_of(states.others)

        assert found is not None
        assert [found.list_of(place) for place in range(len(lists))] == lists
        readers = [Reader(json.loads(json.dumps(one)), "x", MessageError) for one in states.states]
        texts = [Reader(text, "x", MessageError) for text in (states.firsts, states.others)]
        assert list(unpacked(readers, *texts)[0].values()) == lists


@pytest.mark.parametrize(
    ("missing", "counting", "parse"),
    [
        ((), QuickCounting, parse_quickly),
        (("orjson",), QuickCounting, parse_json),
        (("numpy",), PlainCounting, parse_quickly),
        (("numpy", "orjson"), PlainCounting, parse_json),
    ],
)
def test_a_collector_takes_the_quickest_way_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...], counting: type, parse: object
) -> None:
    monkeypatch.setattr(
        quickest, "find_spec", lambda name: None if name in missing else find_spec(name)
    )

    found = quickest.quickest_counting()

    assert type(found) is counting
    assert found.tools.parse is parse


def test_windows_of_real_devices_are_the_same() -> None:
    batch = batch_of(0, window_of([(1.0, 2.0), (3.0, 4.0)]), window_of([(5.0, 6.0)]))
    quick = QuickCounting(parse_quickly)
    message = decode(payload_of(batch), quick.tools)
    assert isinstance(message, TelemetryBatch)

    windows = checked_windows(message, {DIGITS.digest: DIGITS}.get, counting=quick)

    assert [window.counters.rows for window in windows] == [2, 1]
    assert [window.observed.by_column[0] for window in windows] == [2, 1]
    assert [dict(window.state) for window in windows] == [
        json.loads(json.dumps(entry.profile), object_hook=lambda d: {int(k): d[k] for k in d})
        for entry in batch.entries
    ]
