"""Every registered statistic obeys the laws stated in ``edge_contract.stats.base``."""

import copy
import json
import math
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_contract.errors import MessageError, PackageError, UsageError
from edge_contract.reading import JsonValue, Reader
from edge_contract.stats import SPECS, Spec, spec_from_json
from tests.laws.streams import EVERY_SPEC, any_stream, assert_close, mild_stream, of

every_spec = pytest.mark.parametrize("spec", EVERY_SPEC)
a_few = settings(max_examples=40)  # for each of a dozen specs


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_every_kind_has_examples_of_itself(kind: str) -> None:
    examples = SPECS[kind].examples()

    assert examples
    assert {type(example) for example in examples} == {SPECS[kind]}
    assert SPECS[kind].kind == kind


@every_spec
def test_a_spec_survives_the_package_it_stands_in(spec: Spec) -> None:
    written = json.loads(json.dumps({"kind": spec.kind, **spec.to_json()}, allow_nan=False))

    assert spec_from_json(Reader(written, "spec", PackageError)) == spec


@every_spec
@a_few
@given(data=st.data())
def test_merging_with_an_idle_device_changes_nothing(spec: Spec, data: st.DataObject) -> None:
    busy, idle = of(spec, data.draw(any_stream(spec))), spec.empty()

    assert idle.merged(busy).to_state() == busy.to_state() == busy.merged(idle).to_state()


@every_spec
def test_merging_two_idle_devices_gives_an_idle_one(spec: Spec) -> None:
    merged = spec.empty().merged(spec.empty())

    assert merged.count == 0
    assert merged.to_state() == spec.empty().to_state()


@every_spec
@a_few
@given(data=st.data())
def test_merge_equals_one_device_seeing_both_streams(spec: Spec, data: st.DataObject) -> None:
    x, y = data.draw(mild_stream(spec)), data.draw(mild_stream(spec))

    assert_close(of(spec, x).merged(of(spec, y)).to_state(), of(spec, x + y).to_state())


@every_spec
@a_few
@given(data=st.data())
def test_merge_order_does_not_matter(spec: Spec, data: st.DataObject) -> None:
    a, b, c = (of(spec, data.draw(mild_stream(spec, max_size=9))) for _ in range(3))

    assert_close(a.merged(b).to_state(), b.merged(a).to_state())
    assert_close(a.merged(b).merged(c).to_state(), a.merged(b.merged(c)).to_state())


@every_spec
@a_few
@given(data=st.data())
def test_merging_changes_no_operand_and_shares_nothing_with_it(
    spec: Spec, data: st.DataObject
) -> None:
    x, y, later = (data.draw(any_stream(spec, max_size=6)) for _ in range(3))
    a, b = of(spec, x), of(spec, y)
    before = copy.deepcopy((a.to_state(), b.to_state()))

    merged = a.merged(b)
    for row in later:
        merged.observe(row)

    assert (a.to_state(), b.to_state()) == before


@every_spec
@a_few
@given(data=st.data())
def test_every_row_of_numbers_is_counted_once_and_none_is_refused(
    spec: Spec, data: st.DataObject
) -> None:
    stream = data.draw(any_stream(spec))

    assert of(spec, stream).count == len(stream)


@every_spec
@a_few
@given(data=st.data())
def test_state_survives_the_wire_bit_for_bit(spec: Spec, data: st.DataObject) -> None:
    sent = of(spec, data.draw(any_stream(spec)))
    text = json.dumps(sent.to_state(), allow_nan=False)

    received = spec.decode(json.loads(text))

    assert json.dumps(received.to_state()) == text
    assert received.count == sent.count
    assert received.spec == spec


@every_spec
@a_few
@given(data=st.data())
def test_a_merged_state_survives_the_wire_too(spec: Spec, data: st.DataObject) -> None:
    merged = of(spec, data.draw(any_stream(spec))).merged(of(spec, data.draw(any_stream(spec))))
    text = json.dumps(merged.to_state(), allow_nan=False)

    assert json.dumps(spec.decode(json.loads(text)).to_state()) == text


@every_spec
def test_statistics_of_different_specs_do_not_merge(spec: Spec) -> None:
    others = [example for example in type(spec).examples() if example != spec]

    for other in others:
        with pytest.raises(UsageError, match="different specs"):
            spec.empty().merged(other.empty())


def places(state: JsonValue, path: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """Where the numbers of a state stand."""
    if isinstance(state, list):
        for index, item in enumerate(state):
            yield from places(item, (*path, index))
    else:
        yield path


def replaced(state: JsonValue, path: tuple[int, ...], value: JsonValue) -> JsonValue:
    """A copy of ``state`` with another value at ``path``."""
    if not path:
        return value
    assert isinstance(state, list)
    items = list(state)
    items[path[0]] = replaced(items[path[0]], path[1:], value)
    return items


def wire_state(spec: Spec, data: st.DataObject) -> JsonValue:
    text = json.dumps(of(spec, data.draw(any_stream(spec))).to_state())
    state: JsonValue = json.loads(text)
    return state


NO_NUMBERS: list[JsonValue] = [math.nan, math.inf, -math.inf, None, "1", True, {}, [], {"0": 1}]


@every_spec
@a_few
@given(data=st.data())
def test_a_state_with_something_else_in_place_of_a_number_is_refused(
    spec: Spec, data: st.DataObject
) -> None:
    state = wire_state(spec, data)
    path = data.draw(st.sampled_from(sorted(places(state))))

    for value in NO_NUMBERS:
        with pytest.raises(MessageError):
            spec.decode(replaced(state, path, value))


@every_spec
@a_few
@given(data=st.data(), number=st.sampled_from([-1, -(2**40), 0.5, -0.5, 2**53, 1.7e308, 0, 1, 7]))
def test_a_state_with_another_number_is_refused_or_counts_something_possible(
    spec: Spec, data: st.DataObject, number: float
) -> None:
    state = wire_state(spec, data)
    changed = replaced(state, data.draw(st.sampled_from(sorted(places(state)))), number)

    try:
        statistic = spec.decode(changed)
    except MessageError:
        return
    twice = statistic.merged(statistic)
    assert statistic.count >= 0
    assert twice.count == 2 * statistic.count
    stored = json.loads(json.dumps(twice.to_state(), allow_nan=False))
    assert spec.decode(stored).count == twice.count


@every_spec
@pytest.mark.parametrize("state", [None, 1, "x", True, {}, [], [[]], [{}], [[], [], [], []], [-1]])
def test_a_state_of_another_shape_is_refused(spec: Spec, state: object) -> None:
    with pytest.raises(MessageError):
        spec.decode(state)


def test_an_unknown_kind_of_statistic_is_refused_with_a_hint() -> None:
    reader = Reader({"kind": "quantum"}, "column", PackageError)

    with pytest.raises(PackageError, match=r"'quantum' is unknown here .*: upgrade edgefleet"):
        spec_from_json(reader)
