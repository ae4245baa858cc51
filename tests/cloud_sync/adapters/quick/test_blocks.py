"""Messages read by the hundred give what each gives by itself, also beside wrong ones."""

import random
import zlib
from collections.abc import Iterator, Sequence

import pytest

from cloud_sync.adapters.quick.block_reader import BlockStates
from cloud_sync.adapters.quick.counting import QuickCounting
from cloud_sync.adapters.quick.parsing import parse_known, parse_quickly
from cloud_sync.core.counting import PLAIN, Counting, Observed
from edge_contract.errors import MessageError
from edge_contract.messages import TelemetryBatch, WindowEntry, decode, encode
from edge_contract.package import Role
from edge_contract.stats import (
    CategoriesSpec,
    Column,
    MomentsSpec,
    ProbabilitiesSpec,
    ProfileSpec,
    SketchSpec,
)
from edge_contract.stats.joint import JointSpec
from tests.support.odd_telemetry import ODD, mutated, rounded
from tests.support.telemetry import DIGITS, batch_of

SPEC = ProfileSpec(
    (
        Column("feature:a", SketchSpec()),
        Column("feature:a", MomentsSpec()),
        Column("feature:b", SketchSpec("centred", 1000.0, 2.0)),
        Column("feature:b", MomentsSpec()),
        Column("feature:c", CategoriesSpec(3)),
        Column("joint", JointSpec(("a", "b"), (0.0, 1000.0), (1.0, 2.0), ((0, 1),))),
        Column("prediction", ProbabilitiesSpec.for_classes(2, threshold=0.5)),
        Column("latency_us", SketchSpec()),
    )
)
SHADOW = ProfileSpec((Column("latency_us", SketchSpec()), Column("feature:a", MomentsSpec())))


def specs(_digest: str, role: str) -> ProfileSpec | None:
    return SPEC if role == Role.PRIMARY else SHADOW if role == Role.SHADOW else None


def entry_of(chance: random.Random, role: str = Role.PRIMARY) -> WindowEntry:
    """A window of some rows, odd ones among them; some columns saw nothing, some only zeros."""
    spec = specs("", role) or SPEC
    profile = spec.empty()
    is_flat = chance.random() < 0.2
    for _ in range(chance.choice([0, 1, 3, 40, 80])):
        a = chance.choice(ODD) if chance.random() < 0.2 else chance.gauss(0.0, 1.0)
        b = chance.choice(ODD) if chance.random() < 0.1 else chance.gauss(1000.0, 3.0)
        a = 0.0 if is_flat else a
        rows = [(a,), (a,), (b,), (b,), (float(chance.randint(0, 5)),), (a, b)]
        rows += [(float(chance.randint(0, 1)), chance.uniform(0.5, 1.0)), (abs(b) + 1.0,)]
        for column, row in enumerate(rows if spec is SPEC else [(abs(a),), (b,)]):
            profile.observe(column, row)
    state = (profile.brief() if chance.random() < 0.7 else profile).to_state()
    kept = {column: state[column] for column in state if chance.random() < 0.95}
    return WindowEntry(DIGITS.digest, role, 1.0e9, 1.0e9 + 60.0, profile=kept)


def message_of(chance: random.Random) -> bytes:
    roles = chance.choice([[Role.PRIMARY]] * 3 + [[Role.PRIMARY, Role.SHADOW], []])
    entries = tuple(entry_of(chance, role) for role in roles)
    return encode(TelemetryBatch(batch_of(chance.randint(0, 9)).batch_id, entries))


def mixed(seed: int, count: int) -> Iterator[bytes]:
    chance = random.Random(seed)
    for _ in range(count):
        payload = message_of(chance)
        yield mutated(chance, payload) if chance.random() < 0.4 else payload
    yield b"\x01nonsense"
    yield b""


def one_by_one(counting: Counting, payload: bytes) -> tuple[TelemetryBatch, list[Observed]] | None:
    """The batch and what its windows observed; ``None`` if it is refused."""
    try:
        batch = decode(payload, counting.tools)
        if not isinstance(batch, TelemetryBatch):
            return None
        return batch, [
            counting.check(spec, entry.profile)
            for entry in batch.entries
            if (spec := specs(entry.package, entry.role)) is not None
        ]
    except MessageError:
        return None


def sums_of(counting: Counting, batches: Sequence[TelemetryBatch]) -> list[object]:
    sums = {role: counting.sum(specs("", role) or SPEC) for role in (Role.PRIMARY, Role.SHADOW)}
    for batch in batches:
        for entry in batch.entries:
            if entry.role in sums:
                sums[entry.role].add(entry.profile)
    return [rounded(total.profile().to_state()) for total in sums.values()]


@pytest.mark.parametrize("seed", range(5))
def test_a_block_takes_only_what_is_right_and_comes_to_the_same_sums(seed: int) -> None:
    payloads = list(mixed(seed, 120))
    quick = QuickCounting(parse_quickly, parse_known)

    together = quick.decode_many(payloads, specs)

    taken: list[TelemetryBatch] = []
    plain: list[TelemetryBatch] = []
    for payload, batch in zip(payloads, together, strict=True):
        alone = one_by_one(PLAIN, payload)
        if batch is None:
            continue
        assert alone is not None, zlib.decompress(payload[1:])
        assert batch.batch_id == alone[0].batch_id
        assert (batch.span, batch.lost_rows) == (alone[0].span, alone[0].lost_rows)
        for entry, other, seen in zip(batch.entries, alone[0].entries, alone[1], strict=True):
            found = quick.check(specs(entry.package, entry.role) or SPEC, entry.profile)
            assert found.most == seen.most
            assert {k: n for k, n in found.by_column.items() if n} == {
                k: n for k, n in seen.by_column.items() if n
            }
            assert entry.counters == other.counters
            assert dict(entry.profile) == dict(other.profile)
        taken.append(batch)
        plain.append(alone[0])
    assert sums_of(quick, taken) == sums_of(PLAIN, plain)
    assert sums_of(quick, taken[::3]) == sums_of(PLAIN, plain[::3])  # parts of blocks as well


def test_what_is_right_and_usual_is_taken_whatever_stands_beside_it() -> None:
    chance = random.Random(3)
    payloads = [message_of(chance) for _ in range(60)]
    wrong = [payload for payload in mixed(5, 200) if one_by_one(PLAIN, payload) is None]
    block = [*wrong[:20], *payloads[:30], *wrong[20:40], *payloads[30:], *wrong[40:]]

    quick = QuickCounting(parse_quickly, parse_known)
    alone = sum(batch is not None for batch in quick.decode_many(payloads, specs))
    beside = sum(batch is not None for batch in quick.decode_many(block, specs))

    assert alone == beside == 60


def test_a_large_window_goes_its_own_way() -> None:
    profile = SPEC.empty()
    for _ in range(20_000):
        profile.observe(0, (1.5,))
    entry = WindowEntry(DIGITS.digest, Role.PRIMARY, 1e9, 1e9, profile=profile.to_state())
    payload = encode(TelemetryBatch(batch_of(0).batch_id, (entry,)))

    (batch,) = QuickCounting(parse_quickly, parse_known).decode_many([payload], specs)

    assert batch is None


def test_what_is_of_an_unknown_package_goes_its_own_way() -> None:
    payload = message_of(random.Random(1))

    (batch,) = QuickCounting(parse_quickly, parse_known).decode_many(
        [payload], lambda _digest, _role: None
    )

    assert batch is None


def test_a_state_can_be_read_later() -> None:
    chance = random.Random(11)
    entries = (entry_of(chance), entry_of(chance, Role.SHADOW))
    payload = encode(TelemetryBatch(batch_of(0).batch_id, entries))

    (batch,) = QuickCounting(parse_quickly, parse_known).decode_many([payload], specs)

    assert batch is not None
    assert all(isinstance(entry.profile, BlockStates) for entry in batch.entries)
    assert [list(entry.profile) for entry in batch.entries] == [
        sorted(entry.profile) for entry in entries
    ]
    assert len(batch.entries[1].profile) == len(entries[1].profile)
